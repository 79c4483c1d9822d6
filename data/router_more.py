"""More phrasings for the capabilities that public sets lack: a wide choice of words a template.

Kept apart from :mod:`data.router_phrases` for length alone; training only.
"""

_MEDIA = "(photo|picture|image|pic|snapshot|screenshot|photograph|scan|drawing|selfie|frame)"
_THIS = "(this|that|the|my|the attached|the uploaded|the last|our)"
_AUDIO = (
    "(recording|audio|voice memo|voice note|meeting|interview|podcast|lecture|call|clip|dictation|"
    "voicemail|speech|talk|sound file|tape|song|video|sermon|webinar|conversation)"
)
_WRITING = (
    "(text|article|paragraph|page|message|letter|email|story|chapter|note|sentence|document|book|"
    "recipe|poem|headline|news|report|answer|line|passage)"
)
_FILE = (
    "(file|document|folder|directory|photo|pdf|spreadsheet|archive|backup|presentation|report|"
    "invoice|contract|letter|thesis|manual|log file|video file|music file|csv)"
)
_WHERE = (
    "(on (my|the) (disk|drive|computer|laptop|desktop|server|usb stick)|in my (documents|files))"
)
_PLEASE = "[please|can you|could you|i want you to|i need you to|help me|would you]"

MORE: dict[str, list[str]] = {
    "vision": [
        f"{_PLEASE} (describe|analyze|examine|interpret|explain|caption|label) {_THIS} {_MEDIA}",
        f"(what|who|which animal|which object) (is|can you see|do you recognize) (in|on) {_THIS} {_MEDIA}",
        f"(how many|count the) (people|dogs|chairs|birds|coins|windows|faces) (in|on) {_THIS} {_MEDIA}",
        (
            f"{_PLEASE} (read|extract|recognize) the (text|words|number|numbers|plate|label|letters)"
            f" (in|on|from) {_THIS} {_MEDIA}"
        ),
        f"is (there|that) (a|any) (cat|dog|person|car|bicycle|sign|mistake) (in|on) {_THIS} {_MEDIA}",
        f"(where|when) was {_THIS} {_MEDIA} taken",
        (
            f"(what|which) (color|colour|breed|species|brand|model|flower|building|mushroom) is (in|on|shown"
            f" in|visible in) {_THIS} {_MEDIA}"
        ),
        f"(look at|have a look at|check) {_THIS} {_MEDIA}",
        (
            f"(what|anything) (happens|is happening|is going on|is shown|is visible|moves) (in|on) {_THIS}"
            f" (camera|webcam|doorbell camera|{_MEDIA})"
        ),
        f"does {_THIS} {_MEDIA} show (a|an) (cat|accident|person|parcel|rash|tumor|logo)",
        "(compare|match) (these|the) two (photos|pictures|images)",
        (
            f"(identify|detect|find|spot|recognize) (the|every|all|any) (plant|bird|person|face|object|car|"
            f"animal)[s] (in|on) {_THIS} {_MEDIA}"
        ),
        "what am i looking at",
        "what does the camera see [right now]",
        "who is at the door (on|in) the camera [picture]",
        f"tell me about {_THIS} {_MEDIA}",
        f"give me a (caption|description) (for|of) {_THIS} {_MEDIA}",
        f"what is (wrong|funny|special) (with|about|in) {_THIS} {_MEDIA}",
        "(ocr|scan) this (receipt|document|business card|page)",
    ],
    "image": [
        f"{_PLEASE} (draw|paint|sketch|render|illustrate|visualize|design|doodle) [me|us] {{thing}}",
        (
            f"{_PLEASE} (create|make|generate|produce|give me|show me) (a|an|another|some) (image|picture|"
            "painting|drawing|sketch|portrait|poster|illustration|photo|artwork|wallpaper) (of|with|showing)"
            " {thing}"
        ),
        (
            "(an image|a picture|a painting|a drawing|a sketch|a portrait|art|artwork) (of|with|showing)"
            " {thing}"
        ),
        (
            "{thing}, (digital art|oil painting|pixel art|watercolor|photorealistic|comic style|pencil"
            " drawing|in the style of van gogh|black and white)"
        ),
        (
            "(i would like|i want|i need|we need) (a|an) (logo|banner|icon|poster|cover|avatar|flyer|comic|"
            "portrait) (of|for|with|showing) {thing}"
        ),
        "(imagine|picture) {thing} (as a painting|as art|and draw it)",
        "(turn|make) {thing} into (a painting|a cartoon|a picture|pixel art)",
        "(draw|design|sketch|paint) (something|anything) (about|with|for) {topic}",
        "(generate|create|make) (art|an illustration|pictures|images) (about|for|of) {topic}",
        "stable diffusion prompt: {thing}",
        "(colour|paint) (it|this) (blue|in pastel colors) and add {thing}",
        "add {thing} to the (image|picture|drawing)",
        "make the (picture|drawing|image) (brighter|bigger|more colorful|with a blue background)",
    ],
    "stt": [
        (
            f"{_PLEASE} (transcribe|transcript|write down|type up|note down|take down|put in writing)"
            f" {_THIS} {_AUDIO}"
        ),
        (
            f"{_PLEASE} (turn|convert|change|transform) {_THIS} {_AUDIO} (into|to) (text|words|writing|a"
            " transcript|written text)"
        ),
        (
            f"(make|give me|create|get me|i want|i need) (a|the) (transcript|transcription|text|written"
            f" version|minutes|subtitles|captions) (of|from|for) {_THIS} {_AUDIO}"
        ),
        f"what (does|did) (he|she|they|the speaker|the man|the woman) say (in|on) {_THIS} {_AUDIO}",
        (
            f"(write|type) (out|down|up) what (i say|he said|is said|was said|they say|you hear) [in {_THIS}"
            f" {_AUDIO}]"
        ),
        f"(listen|listen carefully) to {_THIS} {_AUDIO} and (write|type|note) (it|that|everything) [down]",
        "(take|start) dictation",
        "(speech recognition|speech to text|voice to text|dictation) [please|on|for this]",
        f"(recognize|understand|decode) the (speech|words|voice) (in|of|on) {_THIS} {_AUDIO}",
        f"{_THIS} {_AUDIO} (as|in) (text|writing|written form|words)",
        f"(subtitle|caption) {_THIS} {_AUDIO}",
        "(write|type) what i (say|dictate|speak)",
        f"i (need|want|would like) {_THIS} {_AUDIO} (typed|transcribed|written down|as text|on paper)",
        f"which words are (spoken|said|heard) (in|on) {_THIS} {_AUDIO}",
    ],
    "tts": [
        (
            f"{_PLEASE} (read|speak|say|narrate|recite|voice|announce) {_THIS} {_WRITING} [aloud|out loud|to"
            " me|to us|for me|slowly|in a loud voice]"
        ),
        (
            f"{_PLEASE} (turn|convert|change|transform) {_THIS} {_WRITING} (into|to) (speech|audio|sound|a"
            " voice|spoken words|an audiobook|an mp3)"
        ),
        f"(read|speak) (out|aloud|out loud) {_THIS} {_WRITING}",
        f"(i want|i would like|let me|i'd love) to (hear|listen to) {_THIS} {_WRITING}",
        (
            f"(make|create|record|generate) (a|an) (audio version|voice recording|audio file|spoken version|"
            f"voice over) (of|from|for) {_THIS} {_WRITING}"
        ),
        "(say|repeat after me|speak|announce|shout|whisper): {topic}",
        (
            "(say|announce) (that|to everyone that) (dinner is ready|the train is late|it is time for bed|the"
            " taxi is here|lunch is served)"
        ),
        "how (do you|does one) pronounce (colonel|worcester|nguyen|gnocchi|quinoa)",
        "(text to speech|speech synthesis|tts) [please|on|for this text]",
        "(read|tell) (me|us|the kids) {topic} (aloud|out loud|with a nice voice)",
        (
            f"(use|with) (a|your) (female|male|deep|calm|robot|child's) voice (to read|for|read) {_THIS}"
            f" {_WRITING}"
        ),
        f"{_THIS} {_WRITING} (as|in) (audio|speech|spoken form|a voice message)",
        "say (something|it) in a (funny|deep|scary) voice",
        f"(speak|read) (it|{_THIS} {_WRITING}) to me while i (cook|drive|rest)",
    ],
    "file": [
        (
            f"{_PLEASE} (open|find|delete|remove|rename|move|copy|print|share|zip|unzip|save|upload|download|"
            f"back up|restore|archive|encrypt|attach|locate|trash|duplicate|sort) {_THIS} {_FILE} [{_WHERE}]"
        ),
        f"(where|in which folder) (is|did i (save|put|store)) {_THIS} {_FILE}",
        f"(show|list|give) [me] (all|the|every|my) {_FILE}s [{_WHERE}|from (last week|yesterday|may)]",
        f"(search|look) [for] {_THIS} {_FILE} {_WHERE}",
        "(create|make|add) (a|an) (new|empty) (folder|directory|file|document) [called|named] [{topic}]",
        f"(how (big|large|old) is|who created|when was (created|changed)) {_THIS} {_FILE}",
        (
            f"(move|put|copy|drop) {_THIS} {_FILE} (to|into|in) (the trash|the bin|another folder|the cloud|"
            "the usb stick|the shared drive)"
        ),
        "how much (disk|free) space (is left|do i have) [on the disk]",
        "(empty|clean up) the (trash|recycle bin|downloads folder|desktop)",
        "(what is|what's) (in|inside) (the|my) (folder|archive|downloads|documents|zip)",
        "(open|find|delete|copy|print) {file} [please]",
        "(which|what) (files|documents|photos) are (new|large|old|duplicates|in there)",
        "(sync|back up) my (files|documents|photos)",
    ],
    "text": [
        (
            f"{_PLEASE} (write|compose|draft|pen|invent|create|make up|give me) (a|an|another) [short|long|"
            "funny|sad|little] (story|tale|poem|essay|article|letter|speech|fable|song text|haiku|novel|fairy"
            " tale|blog post|report|description|paragraph|text|limerick|review) (about|on|for|of) {topic}"
        ),
        f"{_PLEASE} (continue|finish|complete|extend|go on with) {_THIS} {_WRITING}",
        (
            f"{_PLEASE} (summarize|shorten|rewrite|rephrase|paraphrase|simplify|proofread|improve|correct|"
            f"edit|polish|expand|translate) {_THIS} {_WRITING} [in (one sentence|plain words|english)]"
        ),
        (
            f"(make|turn) {_THIS} {_WRITING} (shorter|longer|friendlier|more formal|clearer|into bullet"
            " points|into a poem|less formal|easier to read)"
        ),
        f"(fix|check|correct) the (grammar|spelling|punctuation|style) (of|in) {_THIS} {_WRITING}",
        (
            "(once upon a time|long ago|one day|in a small village|it was a dark night) [there was|there"
            " lived|a little girl|an old king|{topic}]"
        ),
        "(the story|a tale|my novel|the chapter) (begins|starts|opens) (with|in) {topic}",
        "(tell|write) (me|us) (a|an|another) (story|tale|bedtime story|fairy tale) [about {topic}]",
        (
            "(write|draft) (an email|a mail|a letter|a note|a message|a reply|an invitation|an apology) to"
            " (my|our|the) (teacher|neighbour|customer|boss|grandparents|bank|team) [about {topic}]"
        ),
        "(how|what) (does|happens in) the story (go on|continue|end|next)",
        "(a|some) (poem|story|few sentences|lines|text) about {topic}",
        "(come up with|suggest|find) (a title|a slogan|a headline|names|a motto) for {topic}",
        "(put|say) (this|that) in (other|simpler|your own) words",
        "(write|give me) (two|three|ten|a few) sentences (about|on) {topic}",
    ],
    "code": [
        (
            f"{_PLEASE} (write|code|program|implement|create|build|develop|script) (a|an) [small|simple]"
            " [{language}] (function|method|class|script|program|module|tool|one-liner|api|parser) (that|which)"
            " {task}"
        ),
        (
            "(my|this|the) {language} (code|program|script|function|loop) (throws an error|crashes|hangs|does"
            " not work|gives the wrong result|is too slow)"
        ),
        "(how|what is the best way) to (implement|code|write|program) {topic} in {language}",
        "{language}: {task}",
        (
            "(write|add) (tests|unit tests|comments|type hints|a docstring) (for|to) (this|my) (function|code|"
            "class)"
        ),
        "what does this {language} (line|code|function|error) (do|mean)",
        "(a|an) {language} (example|snippet|script) (for|that) {task}",
    ],
    "web": [
        "{query}",
        "{query} (please|today|now|near me|online)",
        "(i need|i want|i'm looking for|what about|tell me) {query}",
        "(find|check|show|tell) (me|us) {query} [online|on the web|on the internet]",
        "(do a|run a|start a) (web|google|internet|online) search (for|about|on) ({query}|{topic})",
        "what (does|do) (wikipedia|google|the internet|people online) say about {topic}",
    ],
    "math": [
        "(the|what is the|tell me the|give me the) (sum|product|difference|quotient) of {n} and {n}",
        "(how many|what) (is|are) {n} (dozen|percent of {n}|divided by {n}|in binary|squared)",
        "a (car|train|bike|runner) (drives|travels|goes) {n} (km|miles) in {n} hours, how fast is it",
        "(split|share|divide) {n} (apples|euros|sweets) (among|between|into) {n} (people|parts|friends)",
        "(round|factor|simplify|integrate|differentiate|halve|double) {n}",
        "(is {n} a prime number|what is the remainder of {n} by {n})",
    ],
}
