"""How people phrase commands for a home: one table a purpose, training and validation apart.

Slots: ``{x}`` what is addressed (a name, or "the kitchen lights"), ``{n}`` a number, ``{c}`` a
colour, ``{i}`` a list item, ``{d}`` a duration, ``{r}`` a room. See :mod:`data.phrasing`.
"""

PHRASES: dict[str, dict[str, list[str]]] = {
    "on": {
        "train": [
            "(turn|switch) on {x}",
            "(turn|switch|put) {x} on",
            "{x} on",
            "(activate|enable|power on|power up|start) {x}",
            "i (need|want) {x} on",
            "get {x} (going|running)",
            "make sure {x} is on",
            "let's have {x} on",
            "{x} should be on",
            "fire up {x}",
            "could we have {x} (turned|switched) on",
        ],
        "validation": ["flip {x} on", "i would like {x} to be on", "bring {x} to life"],
    },
    "on_light": {
        "train": [
            "light up {x}",
            "illuminate {x}",
            "lights on (in|at) {r}",
            "(it is|it's) too dark in {r}",
            "i can't see anything in {r}",
            "brighten {r} up",
            "give me some light in {r}",
            "(it's|it is) (pitch black|gloomy|dark) in {r}",
        ],
        "validation": ["i need to see something in {r}", "we need light in {r}"],
    },
    "off": {
        "train": [
            "(turn|switch|shut) off {x}",
            "(turn|switch|shut) {x} off",
            "{x} off",
            "(deactivate|disable|kill|power off|power down|cut) {x}",
            "i don't need {x} [anymore|any more]",
            "make sure {x} is off",
            "(shut|turn) {x} down",
            "stop {x}",
            "{x} should be off",
            "i want {x} off",
            "no more {x}",
        ],
        "validation": ["flip {x} off", "i would like {x} to be off", "put {x} to sleep"],
    },
    "off_light": {
        "train": [
            "lights out (in|at) {r}",
            "(it's|it is) too bright in {r}",
            "make {r} dark",
            "nobody needs light in {r}",
            "darken {r}",
        ],
        "validation": ["i want it dark in {r}", "leave {r} in the dark"],
    },
    "brightness": {
        "train": [
            "(set|dim|change|turn|adjust) {x} to {n} percent",
            "(set|dim|change|turn) {x} to {n}%",
            "set [the] brightness of {x} to {n} [percent]",
            "(set|change) {x} brightness to {n} [percent]",
            "{x} [to|at] {n} percent [brightness]",
            "(make|put) {x} {n} percent bright",
            "(dim|lower|reduce|raise) {x} (down to|up to|to) {n} percent",
            "i want {x} at {n} percent",
        ],
        "validation": ["bring {x} to {n} percent", "give me {n} percent on {x}"],
    },
    "brightness_full": {
        "train": [
            "(set|turn) {x} to (max|maximum|full) [brightness]",
            "{x} (full brightness|to the max)",
            "(make|set) {x} (as bright as possible at full power|fully bright)",
        ],
        "validation": ["run {x} at full brightness"],
    },
    "brightness_half": {
        "train": ["(set|dim|put) {x} to half [brightness]", "{x} at half [brightness]"],
        "validation": ["bring {x} down to half"],
    },
    "brightness_low": {
        "train": ["(set|dim|turn) {x} to (minimum|min|the lowest) [brightness]"],
        "validation": ["bring {x} down to the minimum"],
    },
    "color": {
        "train": [
            "(turn|make|set|change|switch|color|colour|paint) {x} [to] {c}",
            "(set|change) [the] (color|colour) of {x} to {c}",
            "{x} {c}",
            "i want {x} (to be|in) {c}",
            "(set|change) {x} (color|colour) to {c}",
        ],
        "validation": ["give {x} a {c} glow", "let {x} shine {c}"],
    },
    "color_bright": {
        "train": ["(set|make) {x} {c} at {n} percent", "set {x} to {n} percent and {c}"],
        "validation": ["let {x} shine {c} with {n} percent"],
    },
    "open": {
        "train": [
            "open [up] {x}",
            "(raise|lift|pull up|roll up) {x}",
            "{x} (open|up)",
            "make sure {x} is open",
            "let {x} up",
            "pull {x} open",
        ],
        "validation": ["crack {x} open", "get {x} up"],
    },
    "close": {
        "train": [
            "(close|shut) {x}",
            "(lower|pull down|roll down|drop) {x}",
            "{x} (closed|down|shut)",
            "make sure {x} is (closed|shut)",
            "let {x} down",
            "pull {x} (closed|shut)",
        ],
        "validation": ["draw {x}", "get {x} down"],
    },
    "position": {
        "train": [
            "(set|move|open|close) {x} to {n} percent",
            "(set|put) {x} (position to|at) {n} percent",
            "{x} to {n} percent [open]",
            "(open|raise|lower) {x} (to|by) {n} percent",
        ],
        "validation": ["bring {x} to {n} percent open", "i want {x} {n} percent open"],
    },
    "position_half": {
        "train": ["open {x} (half way|halfway)", "{x} half open", "(put|set) {x} at half"],
        "validation": ["leave {x} halfway open"],
    },
    "lock": {
        "train": [
            "lock [up] {x}",
            "make sure {x} is locked",
            "(secure|bolt) {x}",
            "{x} locked",
            "could you lock {x}",
        ],
        "validation": ["keep {x} locked", "get {x} locked up"],
    },
    "unlock": {
        "train": [
            "unlock {x}",
            "make sure {x} is unlocked",
            "open the lock of {x}",
            "unbolt {x}",
            "{x} unlocked",
        ],
        "validation": ["get {x} unlocked", "let me in through {x} and unlock it"],
    },
    "temperature": {
        "train": [
            "set {x} to {n} [degrees]",
            "(set|change|turn|adjust) [the] temperature of {x} to {n} [degrees]",
            "(put|turn) {x} (to|at|up to|down to) {n} degrees",
            "make {x} {n} degrees",
            "{x} to {n} degrees",
            "heat {x} to {n} degrees",
            "cool {x} [down] to {n} degrees",
            "i want {x} at {n} degrees",
        ],
        "validation": ["bring {x} to {n} degrees", "keep {x} at {n} degrees"],
    },
    "temperature_room": {
        "train": [
            "(set|change|turn) [the] temperature in {r} to {n} [degrees]",
            "(make|keep) it {n} degrees in {r}",
            "(heat|warm up|cool|cool down) {r} to {n} degrees",
            "{r} {n} degrees",
            "i want {n} degrees in {r}",
            "set {r} to {n} degrees",
        ],
        "validation": ["bring {r} to {n} degrees", "let it be {n} degrees in {r}"],
    },
    "temperature_all": {
        "train": [
            "set the temperature to {n} [degrees]",
            "set the whole house to {n} degrees",
            "(heat|cool) the [whole] (house|home) to {n} degrees",
        ],
        "validation": ["bring the entire house to {n} degrees"],
    },
    "how_warm": {
        "train": [
            "(what's|what is) the temperature in {r}",
            "how (warm|cold|hot) is it in {r}",
            "how many degrees (is it|are there) in {r}",
            "(what's|tell me) the {r} temperature",
        ],
        "validation": ["is it warm in {r}", "which temperature does {r} have"],
    },
    "vacuum": {
        "train": [
            "start {x}",
            "(run|launch) {x}",
            "(let|have) {x} clean",
            "(tell|ask) {x} to (clean|start)",
            "{x} start cleaning",
            "send {x} out",
        ],
        "validation": ["get {x} to clean up", "time for {x} to work"],
    },
    "dock": {
        "train": [
            "send {x} (home|back|to its dock|to base|back to its base)",
            "(return|dock) {x}",
            "{x} (go home|return to base|back to the dock)",
            "(let|have) {x} go back to its (base|dock|charger)",
        ],
        "validation": ["{x} should charge", "bring {x} back to its station"],
    },
    "pause": {
        "train": [
            "pause {x}",
            "pause the (music|movie|show) on {x}",
            "put {x} on pause",
            "hold {x}",
        ],
        "validation": ["hit pause on {x}"],
    },
    "resume": {
        "train": [
            "(resume|unpause|continue) {x}",
            "(resume|continue) (playing|the music|the movie) on {x}",
            "keep playing on {x}",
        ],
        "validation": ["carry on playing on {x}"],
    },
    "next": {
        "train": [
            "(next|skip to the next) (song|track|title) on {x}",
            "skip (this|the) (song|track) on {x}",
            "(play|go to) the next (one|song|track) on {x}",
            "{x} next",
        ],
        "validation": ["jump to the next tune on {x}"],
    },
    "previous": {
        "train": [
            "(previous|last) (song|track) on {x}",
            "go back (a|one) (song|track) on {x}",
            "play the previous (song|track|one) on {x}",
        ],
        "validation": ["back to the tune before on {x}"],
    },
    "volume": {
        "train": [
            "(set|turn|change) {x} volume to {n} [percent]",
            "(set|turn|change) [the] volume (of|on) {x} to {n} [percent]",
            "{x} volume {n} [percent]",
            "volume {n} [percent] on {x}",
            "turn {x} (up|down) to {n} percent volume",
        ],
        "validation": ["play {x} at volume {n}", "bring the volume of {x} to {n} percent"],
    },
    "state": {
        "train": [
            "is {x} (on|off)",
            "(what's|what is) the (state|status) of {x}",
            "did i leave {x} on",
            "are {x} on",
            "is {x} still (on|running)",
            "tell me (if|whether) {x} is (on|off)",
            "check {x}",
        ],
        "validation": ["how about {x}, on or off", "has {x} been left on"],
    },
    "state_open": {
        "train": ["is {x} (open|closed|shut)", "did i (close|shut) {x}", "are {x} (open|closed)"],
        "validation": ["tell me whether {x} stands open"],
    },
    "state_locked": {
        "train": ["is {x} (locked|unlocked)", "did i lock {x}", "did anyone unlock {x}"],
        "validation": ["have we locked {x}"],
    },
    "state_value": {
        "train": [
            "what does {x} (say|show|read)",
            "(what's|what is) {x}",
            "(what's|what is) the (value|reading|state) of {x}",
            "read {x}",
        ],
        "validation": ["give me the number from {x}", "how is {x}"],
    },
    "scene": {
        "train": [
            "(activate|start|turn on|set|enable) {x} [scene|mode]",
            "(activate|turn on|start) the {x} scene",
            "{x} (scene|mode)",
            "switch to {x} [mode]",
            "set the scene to {x}",
        ],
        "validation": ["put the house in {x} mode", "i'm in the mood for {x}"],
    },
    "script": {
        "train": [
            "(run|start|execute|launch|trigger) {x} [script|routine]",
            "(run|start) the {x} (script|routine)",
            "do the {x} routine",
        ],
        "validation": ["kick off {x}", "go through the {x} routine"],
    },
    "list": {
        "train": [
            "(add|put) {i} (to|on) {x}",
            "(write|note) {i} (on|in) {x}",
            "{x}: add {i}",
            "i need {i} on {x}",
        ],
        "validation": ["jot down {i} on {x}", "don't let me forget {i}, put it on {x}"],
    },
    "shopping": {
        "train": [
            "(add|put) {i} (to|on) [my|the|our] shopping list",
            "(write|note) {i} on the shopping list",
            "shopping list: {i}",
            "we (need to buy|have to buy) {i}",
            "remind me to buy {i}",
            "we are out of {i}",
        ],
        "validation": ["get {i} next time at the store", "jot down {i} for shopping"],
    },
    "timer": {
        "train": [
            "(set|start|create) a timer for {d}",
            "(set|start) a {d} timer",
            "timer {d}",
            "{d} timer",
            "wake me in {d}",
            "count down {d}",
            "remind me in {d}",
        ],
        "validation": ["time {d} for me", "ring in {d}"],
    },
    "timers_off": {
        "train": ["(cancel|stop|delete|clear) all [my|the] timers", "no more timers"],
        "validation": ["get rid of every timer"],
    },
    "time": {
        "train": ["what time is it", "(what's|tell me) the time", "how late is it"],
        "validation": ["do you have the time"],
    },
    "date": {
        "train": [
            "what day is it [today]",
            "what's (the date|today's date)",
            "which date is today",
        ],
        "validation": ["tell me the date please"],
    },
    "weather": {
        "train": [
            "(what's|how is|how's) the weather [like] [today]",
            "what is the weather (like outside|forecast)",
            "tell me the weather",
        ],
        "validation": ["how does the weather look"],
    },
    "relative": {
        "train": [
            "(dim|brighten|adjust) {x}",
            "(turn up|turn down) {x} a (bit|little)",
            "make {x} (brighter|darker|warmer|colder|louder|quieter)",
            "(increase|decrease|change) {x}",
            "{x} a bit (more|less|up|down)",
        ],
        "validation": ["a little less of {x}", "do something with {x}"],
    },
    "unclear": {
        "train": [
            "(turn|switch) it (on|off)",
            "(turn|switch) (that|this) (on|off)",
            "make it (nicer|better|cosy|different)",
            "do something about it",
            "set it to {n} percent",
            "change it",
            "open it",
            "close that one",
            "a bit more",
            "turn it (up|down)",
            "do the usual",
            "adjust things",
            "(it's|it is) too (dark|bright|cold|warm|loud) in here",
            "lights (on|off)",
            "(turn|switch) everything (on|off)",
        ],
        "validation": ["switch that thing", "you know which one, turn it off", "fix it for me"],
    },
}
