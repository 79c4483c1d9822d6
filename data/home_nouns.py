"""What people call a kind of thing in general, and sentences that concern no home at all."""

GENERIC = {
    "light": ("lights", "lights", "light", "lamps", "lighting", "bulbs", "smart lights"),
    "fan": ("fan", "fans"),
    "switch": ("plug", "plugs", "outlets", "switches", "smart plug", "smart plugs", "sockets"),
    "cover": ("blinds", "curtains", "shades", "shutters", "covers"),
    "lock": ("lock", "locks", "doors"),
    "media_player": (
        "tv",
        "speaker",
        "speakers",
        "media players",
        "music",
        "music",
        "smart speaker",
    ),
    "climate": ("thermostat", "heating", "heater", "ac"),
    "vacuum": ("vacuum", "robot vacuum", "hoover"),
    "valve": ("valve", "sprinklers", "sprinkler", "irrigation"),
}
"""What people call the things of a domain when they mean all of them in a place."""

SINGLE = frozenset(
    (
        "tv",
        "speaker",
        "smart speaker",
        "thermostat",
        "heater",
        "ac",
        "vacuum",
        "robot vacuum",
        "hoover",
    )
)
"""Of these the ones that mean a single thing: they mean all of a room only if it has one."""

NOT_HOME: dict[str, list[str]] = {
    "train": [
        "what is the capital of (italy|peru|japan|norway|egypt|canada)",
        "(who|when) was (napoleon|mozart|the first president) born",
        "tell me a (joke|story|fun fact) [about (cats|space|pirates|lamps)]",
        "how (are|old are) you",
        "what is {n} (times|plus|minus) {n}",
        "translate (good morning|thank you|the light is on) into (spanish|german|french)",
        "how do i (cook rice|fix a flat tire|write a letter|change a light bulb)",
        "send an email to (john|my boss|anna)",
        "book a (flight|table|hotel) for {n} people",
        "who (invented|discovered) the (light bulb|telephone|fan|lock)",
        "why is the sky (blue|red)",
        "i am (tired|happy|bored|hungry)",
        "how much does a (lamp|new tv|good fan|ticket to rome) cost",
        "write a (poem|python function|short story) about (rain|numbers|a lamp)",
        "what's the (meaning of life|score of the game|price of gold)",
        "good (morning|night|evening)",
        "thank you [very much]",
        "do you like (music|movies|dogs)",
        "recommend a (movie|book|restaurant)",
        "spell (necessary|chandelier|kitchen)",
        "how far is (berlin|the moon|london)",
        "what does a (thermostat|dimmer|fuse) do",
        "call (mom|the office|anna)",
        "is there (life on mars|a bank nearby)",
    ],
    "validation": [
        "what is the capital of (france|spain|chile)",
        "how tall is (mount everest|the eiffel tower)",
        "who painted the mona lisa",
        "explain (gravity|inflation|how a lamp works)",
        "what should i wear today",
        "sing me a song",
        "do you dream",
        "when does the next bus leave",
        "how long do i boil {n} eggs",
        "convert {n} miles to kilometers",
    ],
}
"""Sentences that are no command for a home; some of them name things of a home."""
