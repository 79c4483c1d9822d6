"""Phrasings of what plays, without saying where; a part of :data:`data.home_idioms.IDIOMS`."""

PLAYING: dict[str, list[str]] = {
    "the_media": [
        "pause (it|the music|the song|the movie|the show|playback|the video) [please]",
        "(stop|halt|hold) the (music|song|movie|show|playback)",
        "(pause|please pause|pause now)",
    ],
    "the_resume": [
        "(resume|unpause|continue) [the music|the song|the movie|the show|playback|playing]",
        "(play|keep playing|go on playing|play again|play on)",
    ],
    "the_next": [
        "(next|skip) [the|this] (song|track|title|one)",
        "(play|skip to|go to|jump to) the next (song|track|one)",
        "(skip|next|skip ahead|skip forward|next one)",
        "i don't like this (song|track)",
    ],
    "the_previous": [
        "(previous|last) (song|track|title|one)",
        "(play|skip to|go back to|go to) the (previous|last) (song|track|one)",
        "(go back|skip back|back) (a|one) (song|track)",
        "play that (song|track) again",
    ],
    "the_volume": [
        "(set|turn|change|put) the (volume|sound) (to|up to|down to|at) {n} [percent]",
        "volume [to|at] {n} [percent]",
        "(increase|raise|lower|decrease|reduce) the volume to {n} [percent]",
    ],
    "the_louder": [
        "(make|turn) (it|the music|the sound) [a bit|a little|much] (louder|up)",
        "(turn|crank) up the (volume|music|sound) [a bit|a little]",
        "(volume up|louder|more volume|turn it up)",
        "(raise|increase) the (volume|sound) [a bit|a little]",
        "(i can't hear the music|the music is too quiet)",
    ],
    "the_quieter": [
        "(make|turn) (it|the music|the sound) [a bit|a little|much] (quieter|down|softer)",
        "turn down the (volume|music|sound) [a bit|a little]",
        "(volume down|quieter|less volume|turn it down)",
        "(lower|decrease|reduce) the (volume|sound) [a bit|a little]",
        "the music is [way|much|a bit] too loud",
    ],
}
"""Topic -> templates; ``{n}`` is a volume."""
