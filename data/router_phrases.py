"""What people ask of each capability: templates, training and validation apart.

Slots are filled from :data:`SUBJECTS`. See :mod:`data.phrasing` for the notation.
"""

SUBJECTS = {
    "train": {
        "topic": """the sea;an old castle;two friends;a lost dog;autumn;a train journey;robots;
            my grandmother;a brave mouse;the moon;climate change;healthy food;a rainy day;school;
            football;the future;a wizard;working from home;coffee;the mountains;a small village;
            music;a secret door;friendship;winter;the city at night;a birthday party;honey bees""",
        "task": """reverses a string;sorts a list;reads a csv file;computes the factorial;
            counts the words in a text;connects to a database;removes duplicates from a list;
            finds the largest number;checks if a word is a palindrome;parses json;downloads a page;
            merges two dictionaries;prints the fibonacci numbers;validates an email address;
            converts celsius to fahrenheit;returns the nth prime;flattens a nested list""",
        "language": "python;javascript;java;c;c++;rust;go;bash;sql;typescript;html",
        "file": """report.pdf;my tax documents;holiday.jpg;the invoice from march;notes.txt;
            budget.xlsx;the contract;backup.zip;the downloads folder;my photos folder;config.yaml;
            the presentation;letter.docx;song.mp3;the file i saved yesterday;readme.md""",
        "thing": """a cat on a roof;a red bicycle;a castle in the clouds;a sunset over the sea;
            a robot playing chess;a logo for a bakery;a dragon;a forest in the fog;my dog as a king;
            a spaceship;a bowl of fruit;an old man with a hat;a city of glass;a birthday card""",
        "query": """train times to berlin;the latest news;cheap flights;the price of bitcoin;
            a recipe for pancakes;the weather in oslo;who won the match yesterday;pizza near me;
            reviews of the new phone;the opening hours of the museum;concert tickets;
            the stock price of apple;hotels in rome;python documentation;the election results""",
        "sound": """recording;voice memo;meeting;audio file;interview;voice message;podcast;
            lecture;phone call;dictation""",
    },
    "validation": {
        "topic": """a lighthouse;two rival bakers;space pirates;spring;an honest thief;chess;
            the desert;a talking tree;remote islands;my first bike""",
        "task": """rotates a matrix;finds the median;removes vowels from a string;zips a folder;
            counts the lines of a file;converts roman numerals;builds a binary tree""",
        "language": "kotlin;php;ruby;swift;perl",
        "file": """thesis.docx;the lease;vacation.mov;invoice_12.pdf;my music folder;data.csv;
            the spreadsheet from june""",
        "thing": """a fox in the snow;a steam train;a poster for a concert;an underwater city;
            a knight on a snail;a lemon tree""",
        "query": """ferry times to elba;today's headlines;the exchange rate of the yen;
            a good dentist nearby;lyrics of that song;used cars in my area""",
        "sound": "audio note;conversation;conference call;speech;radio show",
    },
}

PHRASES: dict[str, dict[str, list[str]]] = {
    "chat": {
        "train": [
            "(hi|hello|hey|good morning|good evening) [there]",
            "how are you [doing] [today]",
            "(tell me|do you know) a joke",
            "what do you think about {topic}",
            "who are you",
            "i am (sad|happy|tired|bored|excited) [today]",
            "(what is|what's) the capital of (italy|peru|japan|norway|egypt)",
            "why is (the sky blue|the sea salty|grass green)",
            "(thanks|thank you) [very much|so much]",
            "let's talk about {topic}",
            "what's your favourite (color|book|food|season)",
            "who was (napoleon|einstein|cleopatra)",
            "give me some advice about {topic}",
            "what can you do",
        ],
        "validation": [
            "nice to meet you",
            "what is the capital of (france|spain|chile)",
            "do you ever sleep",
            "how was your day",
            "who wrote hamlet",
            "i had a long day",
        ],
    },
    "code": {
        "train": [
            "write a {language} (function|program|script) that {task}",
            "(write|give me|show me) {language} code that {task}",
            "how do i write a (loop|class|regex|unit test|function) in {language}",
            "fix (this|the) bug in my {language} (code|program|script)",
            "why does my {language} (code|script) (crash|not compile|raise an error)",
            "explain this {language} (code|snippet|function)",
            "refactor (this|my) {language} (function|class)",
            "implement a function which {task}",
            "a function that {task}",
            "(debug|review|optimize) my {language} (code|script)",
            "def (main|solve|add|parse)(self, x): complete this",
            "what does (segmentation fault|null pointer exception|index out of range) mean",
            "convert this {language} code to {language}",
            "write a (sql query|regular expression|dockerfile|makefile) for {topic}",
        ],
        "validation": [
            "i need a {language} snippet that {task}",
            "code a method in {language} which {task}",
            "my {language} program throws an exception",
            "help me program something that {task}",
        ],
    },
    "math": {
        "train": [
            "what is {n} (plus|minus|times|divided by|+|-|*|/) {n}",
            "(calculate|compute|work out) {n} (+|-|*|/|times|plus) {n}",
            "{n} (+|-|*|/|x) {n}",
            "what is {n} percent of {n}",
            "(what's|what is) the square root of {n}",
            "solve (x + {n} = {n}|{n}x = {n}|the equation {n}x - {n} = 0)",
            "how much is {n} (times|plus|minus) {n}",
            "if i have {n} apples and give away {n}, how many are left",
            "a box holds {n} eggs, how many eggs are in {n} boxes",
            "convert {n} (miles to kilometers|pounds to kilograms|inches to centimeters)",
            "what is the (area|circumference) of a circle with radius {n}",
            "(add|multiply|subtract|divide) {n} (and|by|from) {n}",
            "what is {n} (squared|cubed|to the power of {n})",
        ],
        "validation": [
            "tell me the sum of {n} and {n}",
            "the product of {n} and {n}",
            "a train goes {n} km per hour for {n} hours, how far does it get",
            "{n} divided into {n} parts",
        ],
    },
    "vision": {
        "train": [
            "what (is|do you see) in (this|the) (picture|photo|image)",
            "describe (this|the|my) (image|photo|picture|screenshot)",
            "(how many|which) (people|cars|animals|objects) are in (this|the) (photo|picture)",
            "(who|what) is (on|in) the (camera|camera picture|doorbell picture)",
            "read the text in (this|the) (image|photo|scan)",
            "what (colour|breed|kind of plant) is (this|that) in the (photo|picture)",
            "caption this (image|photo|picture)",
            "is there a (person|cat|car|package) in (this|the) (image|camera view|photo)",
            "recognize the (face|object|plant|animal) in (this|my) (photo|picture)",
            "look at this (photo|picture) and tell me what it shows",
            "what does this (sign|label|chart) in the (picture|photo) say",
            "detect (faces|objects|text) in (this|the) (image|picture)",
        ],
        "validation": [
            "tell me what this photograph shows",
            "identify the (bird|flower|building) in my photo",
            "can you see anyone in the camera image",
            "what is written on this picture",
        ],
    },
    "image": {
        "train": [
            "(draw|paint|sketch) [me] {thing}",
            "(generate|create|make) (an image|a picture|a drawing|an illustration) of {thing}",
            "a (photo|painting|drawing|watercolour|cartoon) of {thing}, (detailed|oil|4k|high quality)",
            "i want (a picture|an image|a drawing) of {thing}",
            "design {thing}",
            "make a (wallpaper|poster|logo|icon|avatar) with {thing}",
            "render {thing} in 3d",
            "illustrate {thing}",
            "(create|draw) a (logo|comic|poster) about {topic}",
        ],
        "validation": [
            "please produce artwork showing {thing}",
            "can you draw {thing} for me",
            "picture of {thing}, in pencil style",
        ],
    },
    "web": {
        "train": [
            "(search|google|look up|browse) [the web|the internet|online] [for] {query}",
            "find {query} (online|on the web|on the internet)",
            "search for {query}",
            "what does the internet say about {topic}",
            "look up {query}",
            "open (wikipedia|youtube|the website of the bank|reddit)",
            "(show|get) me {query}",
            "what's (new|in the news|happening) (today|right now)",
            "check {query} on the web",
            "will it (rain|snow|be sunny) (tomorrow|on sunday|in london|this weekend)",
            "who is the (current president|prime minister) right now",
            "what's the (forecast|weather) for (tomorrow|the weekend|paris)",
        ],
        "validation": [
            "can you find out {query}",
            "run a web search about {topic}",
            "i want to know {query}, look online",
        ],
    },
    "stt": {
        "train": [
            "transcribe (this|the|my) {sound}",
            "(turn|convert) (this|the|my) {sound} (into|to) text",
            "write down what (is|was) said in (this|the) {sound}",
            "what (is|was) said in (this|the) {sound}",
            "make a transcript of (this|the|my) {sound}",
            "(type|write) (up|out) (this|the|my) {sound}",
            "speech to text for (this|the|my) {sound}",
            "recognize the speech in (this|the) {sound}",
            "dictate: i will speak and you write",
            "create subtitles for (this|the) {sound}",
        ],
        "validation": [
            "i need the {sound} in written form",
            "listen to the {sound} and write it out",
            "get me the words of this {sound}",
        ],
    },
    "tts": {
        "train": [
            "(read|say|speak) (this|the text|the following|it) (aloud|out loud|to me)",
            "read (me|us) (the article|this page|the message|my mail|the letter) [aloud|out loud]",
            "say (hello|good morning|dinner is ready|happy birthday) [in a (deep|soft|female) voice]",
            "(convert|turn) this (text|article|sentence) (to|into) (speech|audio|a voice)",
            "text to speech: {topic}",
            "speak: {topic}",
            "announce that (dinner is ready|the guests are here|we are leaving)",
            "(pronounce|say) the word (queue|schedule|necessary|rhythm)",
            "make an audio (version|file) of this (text|article|story)",
            "narrate this (story|paragraph|chapter)",
        ],
        "validation": [
            "use your voice to read the paragraph",
            "i want to hear this text spoken",
            "voice this sentence for me",
        ],
    },
    "file": {
        "train": [
            "(open|find|show me|where is) {file}",
            "(delete|remove|rename|move|copy) {file}",
            "(copy|move) {file} to (the desktop|the usb stick|my documents|the backup)",
            "list (the files|all files|everything) in (my documents|the folder|the downloads folder)",
            "(zip|unzip|compress|archive) {file}",
            "create a (folder|directory) (called|named) {topic}",
            "save this (as|in) {file}",
            "(which|what) files did i (change|open|download) (today|yesterday|last week)",
            "how (big|large) is {file}",
            "(upload|download|share|print) {file}",
            "back up {file}",
        ],
        "validation": [
            "look for {file} on my disk",
            "put {file} in the trash",
            "which folder holds {file}",
        ],
    },
    "text": {
        "train": [
            "write (a|an) (short story|poem|essay|article|fairy tale|letter|blog post) about {topic}",
            "(continue|finish|complete) (this|the) (story|sentence|text): (once upon a time|the rain)",
            "once upon a time there was {topic}",
            "continue: (the|one day|long ago) {topic}",
            "(summarize|shorten|rephrase|rewrite|proofread) (this|the) (text|article|paragraph|mail)",
            "(translate|put) (this|the following) (text|sentence|paragraph) into (german|french|english)",
            "write (an email|a letter|a speech|a toast) (to|for) my (boss|friend|landlord|sister)",
            "make up a (story|rhyme|tale|bedtime story) (about|with) {topic}",
            "correct the (grammar|spelling) of (this|my) (text|sentence|letter)",
            "give me (a headline|a title|a slogan) for (a text|an article) about {topic}",
            "tell me a (bedtime story|fairy tale|long story) about {topic}",
            "(draft|compose) (a message|an email|a poem) about {topic}",
        ],
        "validation": [
            "i want to read a tale about {topic}",
            "write two sentences on {topic}",
            "make this paragraph sound friendlier",
            "the story begins with {topic}, go on",
        ],
    },
}
