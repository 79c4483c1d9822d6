"""Questions about facts, to which Forge says that it does not know: templates, words and replies."""

FACTS: dict[str, tuple[str, ...]] = {
    "train": (
        "what is the capital of {place}?",
        "who (wrote|painted|composed|invented|discovered) {work}?",
        "when (was|did) {person} (born|die)?",
        "how (far|big|old|deep|tall) is {place}?",
        "how many people live in {place}?",
        "who is (the president of {place}|{person})?",
        "what (year|century) was {work} (made|written|built)?",
        "tell me about {person}",
        "where is {place}?",
        "what is {topic}?",
        "(why|how) does {topic} work?",
        "explain {topic} [to me]",
        "what is the (weather|temperature|time) [in {place}|today|tomorrow]?",
        "will it rain [tomorrow|today|in {place}]?",
        "who won the (game|match|election|war) [in {place}]?",
        "what is in the news [today]?",
        "what does (a ticket to {place}|{work}) cost?",
    ),
    "validation": (
        "which city is the seat of government of {place}?",
        "name the author of {work}",
        "in what year did {person} pass away?",
        "give me the population of {place}",
        "define {topic}",
        "on which continent does {place} lie?",
    ),
}
FACT_REPLIES = (
    "I do not know that. I am a small model and know few facts.",
    "I do not know. Please look it up somewhere you trust.",
    "That I do not know. I would only be guessing.",
    "I am sorry, I do not know. Facts are not my strength.",
)
FACT_RULE = r"\bdo not know\b"

FACT_WORDS: dict[str, dict[str, str]] = {
    "train": {
        "place": """France;Germany;Italy;Spain;Japan;Brazil;Canada;Egypt;India;China;Kenya;Peru;Norway;
            Russia;the moon;Mars;Paris;London;Berlin;Rome;New York;Tokyo;the Nile;Mount Everest;Africa;
            Australia;Texas;Vienna;the sun;Portugal;Turkey;Mexico""",
        "work": """Hamlet;the telephone;the Mona Lisa;Don Quixote;the light bulb;the ninth symphony;
            penicillin;the steam engine;the Iliad;the Eiffel Tower;gravity;the radio;Faust;the wheel""",
        "person": """Napoleon;Mozart;Einstein;Shakespeare;Cleopatra;Gandhi;Columbus;Darwin;Newton;
            Marie Curie;Bach;Picasso;Caesar;Goethe;Lincoln;Elvis""",
        "topic": """photosynthesis;inflation;the internet;electricity;a black hole;democracy;DNA;
            an engine;the stock market;gravity;rust;a computer;quantum physics;the brain;a volcano""",
    },
    "validation": {
        "place": "Finland;Chile;Vietnam;Morocco;the Danube;Iceland;Lisbon;Saturn;Sweden;Nigeria",
        "work": "Macbeth;dynamite;Guernica;the printing press;the Odyssey;the magic flute",
        "person": "Beethoven;Kepler;Rembrandt;Nelson Mandela;Hannibal;Ada Lovelace",
        "topic": "osmosis;a glacier;radiation;evolution;a transistor;the tide",
    },
}
