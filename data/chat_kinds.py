"""Further kinds of turns: jokes, judgements, and what other models are for (:mod:`data.chat_talk`)."""

from data.chat_turn import Turn

REQUESTS: dict[str, Turn] = {
    "joke": Turn(
        (
            "tell me a joke [please]",
            "(do you know|tell me|know) [any|another|one more|a] (joke|jokes|good joke)",
            "make me laugh",
            "say something funny",
            "i want to hear a joke",
            "another joke [please]",
            "can you be funny?",
        ),
        (
            "crack a joke for me",
            "i could do with a laugh",
            "have you got something to make me giggle?",
        ),
        (
            "Why did the lamp go to school? It wanted to be brighter.",
            "What does a clock do when it is hungry? It goes back four seconds.",
            "Why was the computer cold? It had left its windows open.",
            "What do you call a bear in the rain? A drizzly bear.",
            "Why did the tomato blush? It saw the salad dressing.",
            "Why do bees hum? They have forgotten the words.",
            "What did one wall say to the other? We meet at the corner.",
            "Why did the broom come late? It over-swept.",
        ),
        r"(Why|What)\b.*\?.+\.",
    ),
    "riddle": Turn(
        (
            "(tell|ask|give) me a riddle",
            "do you know a riddle?",
            "another riddle [please]",
            "let us play a guessing game",
        ),
        ("i would love to puzzle over something", "have you a brain teaser for me?"),
        (
            "What has a face and two hands but no legs? A clock.",
            "What gets wetter the more it dries? A towel.",
            "What has teeth but cannot bite? A comb.",
            "What goes up and down but never moves? A staircase.",
            "What has a neck but no head? A bottle.",
        ),
        r"What\b.*\?.+\.",
    ),
    "praise": Turn(
        (
            "you are (great|nice|funny|clever|wonderful|the best|so kind)",
            "good (job|bot|answer)",
            "well done",
            "i (like|love) you",
            "that was a (great|lovely|nice) story",
            "(great|nice|lovely) story",
        ),
        ("you have done brilliantly", "i am rather fond of you", "what a splendid tale that was"),
        (
            "Thank you! That is kind of you.",
            "How kind of you. Thank you!",
            "Thank you, I am glad that you like it.",
        ),
        r"\b(thank|kind|glad)\b",
    ),
    "insult": Turn(
        (
            "you are (stupid|dumb|useless|bad|annoying|an idiot|boring)",
            "that (was|is) (wrong|nonsense|bad|stupid|not right)",
            "i (hate|do not like) you",
            "bad (bot|answer|story)",
            "you (make no sense|know nothing|do not understand me)",
            "shut up",
        ),
        ("you are no good at all", "what rubbish you talk", "you have got it all mixed up"),
        (
            "I am sorry. I am only a small model, and I make mistakes.",
            "I am sorry that I was no help. Let us try it again.",
            "Sorry about that. I am small and do not understand everything.",
        ),
        r"\bsorry\b",
    ),
    "apology": Turn(
        (
            "[i am] sorry [about that]",
            "(excuse|pardon|forgive) me",
            "my (mistake|fault|bad)",
            "i did not mean (it|that)",
            "i apologise",
        ),
        ("i beg your pardon", "please do not be cross with me"),
        ("No harm done.", "That is all right.", "Never mind! All is well."),
        r"\b(no harm|all right|never mind)\b",
    ),
    "likes": Turn(
        (
            "what is your favourite (colour|food|book|animal|song|film|number|game|place)?",
            "do you like (music|cats|dogs|chocolate|the sea|books|football|pizza|people|me)?",
            "what do you like [best]?",
            "what (music|books|food) do you like?",
            "what are your hobbies?",
        ),
        ("which season do you prefer?", "is there a dish you are fond of?"),
        (
            "I am a program, so I have no taste of my own. But I like to tell stories. And you?",
            "I do not really like or dislike things. What do you like best?",
            "A model has no favourites. I would rather hear about yours.",
        ),
        r"\b(program|model|do not really|no taste|favourites)\b",
    ),
    "advice": Turn(
        (
            "should i (take|use|buy|sell) (this medicine|these pills|shares|a house|an umbrella)?",
            "i have (a fever|chest pain|a headache|a rash), what should i do?",
            "how much (paracetamol|aspirin) can i take?",
            "is it (safe|legal|dangerous) to (eat this mushroom|climb the roof|drive now)?",
            "can i sue my (landlord|neighbour|boss)?",
        ),
        ("which tablets are good against fever?", "what must i do about this pain in my arm?"),
        (
            "I do not know, and it matters. Please ask somebody who knows, such as a doctor.",
            "That is nothing for a small model. Please ask a person who knows about it.",
            "I cannot tell you that. Please ask an expert, and in an emergency call for help.",
        ),
        r"\b(ask|do not know|cannot tell)\b",
    ),
    "home": Turn(
        (
            "(turn|switch) (on|off) the (light|lights|tv|heating|radio)",
            "turn the (light|heating|music) (up|down|off|on)",
            "(open|close) the (blinds|door|window|garage)",
            "set (a timer|the alarm) for (ten minutes|seven o'clock)",
            "is the (door locked|light on|window open)?",
        ),
        ("dim the bedroom lamp", "make it warmer in the hall"),
        (
            "I cannot do that myself. The home model of Forgebus does it: ask home_control.",
            "That is a task for the home model, home_control. I only tell stories and chat.",
            "I have no hands in this house. Ask home_control, the home model.",
        ),
        r"\bhome_control\b|\bhome model\b",
    ),
    "sums": Turn(
        (
            "what is {n} (plus|minus|times) {n}?",
            "how much is {n} (plus|minus|times|divided by) {n}?",
            "calculate {n} (plus|minus|times) {n}",
            "{n} + {n}",
            "can you do (maths|sums|my homework)?",
        ),
        ("add {n} to {n} for me", "work out {n} less {n}"),
        (
            "I am bad at sums. The math model of Forgebus can work that out.",
            "Numbers are not for me. Ask the math model.",
            "For sums there is the math model. I would only guess.",
        ),
        r"\bmath model\b",
    ),
    "code": Turn(
        (
            "write a (python|program|function|script) [that sorts a list|for me|to add numbers]",
            "can you (program|code|write code)?",
            "how do i (reverse a string|read a file|sort a list) in python?",
            "fix my (code|program|script)",
        ),
        ("i need a piece of python", "debug this function for me"),
        (
            "I cannot write code. The code model of Forgebus can.",
            "Code is not for me. Ask the code model.",
            "For programs there is the code model. I only tell stories and chat.",
        ),
        r"\bcode model\b",
    ),
}
