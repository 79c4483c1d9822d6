"""Other grammatical forms of plain commands, for training only: -ing, passive, subordinate clauses."""

_ING = (
    "(would you mind|do you mind|how about|consider|what about|thanks for|i suggest|start by|"
    "would you consider|i'd love you|i wouldn't mind you|feel like)"
)
_DONE = "(i want|i need|we need|i'd love|i'd like|get|i'd prefer|we want|please have|let me have)"
_MAY = "(can|may|might|should|shall|must|will|does)"
_THAT = (
    "(see that|ensure that|make certain that|i expect that|i hope|please see to it that|"
    "it is important that|i insist that|take care that)"
)


def _forms(verb: str, ing: str, done: str, state: str, past: str) -> list[str]:
    """Templates from a verb with its object, as in "(turn|switch) {x} on"."""
    return [
        f"{_ING} {ing}",
        f"{_DONE} {{x}} {done}",
        f"{_MAY} {{x}} be {done}",
        f"{_THAT} {{x}} (gets|is|are|get) {done}",
        f"{{x}} (is|are) to be {done}",
        f"{{x}} (wants|want|ought|has|have) to be {done}",
        f"(i'd like|i want|i need|we'd like) to {verb}",
        f"(why don't you|why don't we|you may|you can|somebody|someone|anybody) {verb}",
        f"(if you {verb} i'd be happy|i'd be happy if you {verb}|it's best to {verb})",
        f"(i need|i want|i'd prefer|have|leave|keep) {{x}} {state}",
        f"(the thing i want is {{x}} {state}|what i want is {{x}} {state})",
        f"(try|go|come on) and {verb}",
        f"(i'd be grateful|i'd be thankful|it would be kind|i'd love it|it'd be best) if you {past}",
        f"(would you be kind enough|are you able|remember|try|i ask you|we want you) to {verb}",
        f"(i wish|i wish that|it's time) (you|someone|somebody) {past}",
    ]


FORMS: dict[str, list[str]] = {
    "on": _forms(
        "(turn {x} on|switch {x} on|turn on {x}|switch on {x}|put {x} on|activate {x}|start {x})",
        "(turning|switching|putting) (on {x}|{x} on)",
        "(turned|switched|powered) on",
        "(on|running|going)",
        "(turned {x} on|switched {x} on|turned on {x}|switched on {x}|started {x})",
    ),
    "off": _forms(
        "(turn {x} off|switch {x} off|turn off {x}|shut off {x}|shut {x} off|deactivate {x}|stop {x})",
        "(turning|switching|shutting) (off {x}|{x} off)",
        "(turned|switched|powered|shut) off",
        "(off|quiet)",
        "(turned {x} off|switched {x} off|turned off {x}|switched off {x}|stopped {x})",
    ),
    "open": _forms(
        "(open {x}|open up {x}|raise {x}|lift {x}|pull {x} up)",
        "(opening|raising|lifting|pulling up) {x}",
        "(opened|raised|lifted|pulled up)",
        "(open|up|wide open)",
        "(opened|raised|lifted) {x}",
    ),
    "close": _forms(
        "(close {x}|shut {x}|lower {x}|pull {x} down)",
        "(closing|shutting|lowering|pulling down) {x}",
        "(closed|shut|lowered|pulled down)",
        "(closed|shut|down)",
        "(closed|shut|lowered) {x}",
    ),
    "lock": _forms(
        "(lock {x}|lock up {x}|bolt {x})", "(locking|bolting) {x}", "locked", "locked", "locked {x}"
    ),
    "unlock": _forms(
        "(unlock {x}|unbolt {x})",
        "(unlocking|unbolting) {x}",
        "unlocked",
        "unlocked",
        "unlocked {x}",
    ),
    "pause": _forms("pause {x}", "pausing {x}", "paused", "(on pause|paused)", "paused {x}"),
    "resume": _forms(
        "(resume {x}|unpause {x}|continue {x}|play {x} again)",
        "(resuming|unpausing|continuing) {x}",
        "(resumed|unpaused|continued)",
        "(playing again|back on)",
        "(resumed|unpaused|continued) {x}",
    ),
    "vacuum": _forms(
        "(start {x}|run {x}|send out {x})",
        "(starting|running|sending out) {x}",
        "(started|sent out)",
        "(cleaning|at work)",
        "(started|sent out) {x}",
    ),
    "dock": _forms(
        "(send {x} home|dock {x}|send {x} back|bring {x} back)",
        "(sending {x} home|docking {x}|sending {x} back)",
        "(sent home|docked|sent back)",
        "(back home|docked|back at its base)",
        "(sent {x} home|docked {x}|sent {x} back)",
    ),
    "brightness": [
        f"{_ING} (setting|dimming|turning|bringing) {{x}} to {{n}} percent",
        f"{_DONE} {{x}} (set|dimmed|turned) to {{n}} percent",
        f"{_MAY} {{x}} be (set|dimmed|at|turned) to {{n}} percent",
        f"{_THAT} {{x}} (is|are|gets) (at|set to|dimmed to) {{n}} percent",
        "{x} (has|have|wants|ought) to be at {n} percent",
        "(i'd like|i want|we'd like) to (have|set|dim) {x} (at|to) {n} percent",
    ],
    "color": [
        f"{_ING} (making|turning|setting) {{x}} {{c}}",
        f"{_DONE} {{x}} (turned|made|set to|changed to|lit) {{c}}",
        f"{_MAY} {{x}} be (turned|made|set to|changed to|lit in) {{c}}",
        f"{_THAT} {{x}} (is|are|turns|turn) {{c}}",
        "{x} (has|have|ought|wants) to be {c}",
        "(i'd like|i want|we'd like) to (have|see|make) {x} [in] {c}",
        "(i feel like|i fancy|what about) {c} (in|on|for|with) {x}",
    ],
    "temperature": [
        f"{_ING} (setting|turning|bringing) {{x}} to {{n}} degrees",
        f"{_DONE} {{x}} (set|turned|brought) to {{n}} degrees",
        f"{_THAT} {{x}} (is|gets) (at|set to) {{n}} degrees",
        "{x} (has|ought|wants) to be at {n} degrees",
    ],
    "temperature_room": [
        f"{_ING} (heating|cooling|warming|bringing|setting) {{r}} to {{n}} degrees",
        f"{_THAT} {{r}} (is|gets|has) {{n}} degrees",
        "{r} (has|ought|wants) to (be|have) {n} degrees",
        "(i'd like|we'd love|i want) {r} to be {n} degrees warm",
        "(heat|cool|warm) {r} until it is {n} degrees",
    ],
    "position": [
        f"{_ING} (opening|setting|moving|raising) {{x}} to {{n}} percent",
        f"{_DONE} {{x}} (set|opened|raised|moved) to {{n}} percent",
        f"{_THAT} {{x}} (is|are|gets) {{n}} percent open",
        "{x} (has|have|ought) to be {n} percent open",
    ],
    "volume": [
        f"{_ING} (setting|turning|bringing) {{x}} to volume {{n}}",
        f"{_DONE} {{x}} (set|turned) to {{n}} percent volume",
        f"{_THAT} {{x}} (is|plays|gets) at volume {{n}}",
        "{x} (has|ought) to be at {n} percent volume",
        "(i'd like|i want) to hear {x} at volume {n}",
    ],
    "next": [
        f"{_ING} (skipping|jumping) to the next (song|track) on {{x}}",
        "(i'd like|i want|let me hear|we want) the (next|following) (track|one|tune) on {x}",
        "(would you mind|how about|what about) the next (song|track) on {x}",
    ],
    "previous": [
        f"{_ING} (going|skipping|jumping) back (to the previous|to the last|one) (song|track) on {{x}}",
        "(i'd like|i want|let me hear|we want) the (previous|last|earlier) (track|one|tune) on {x}",
    ],
    "state": [
        "(am i right that|is it true that|i hope|i guess|i bet|please tell me) {x} (is|are) (on|off)",
        "(i wonder|i'm wondering|i am asking|no idea|i don't know) (if|whether) {x} (is|are) (on|off)",
        "(is|are) {x} (switched|turned) (on|off) [or not|or what]",
        "(would you|do you) know (if|whether) {x} (is|are) (on|off|running)",
        "(i can't see|i forgot) (if|whether) {x} (is|are) (on|off)",
    ],
    "state_open": [
        "(am i right that|is it true that|i hope|i guess|i bet) {x} (is|are) (open|closed)",
        "(i wonder|i'm wondering|i am asking|i don't know) (if|whether) {x} (is|are) (open|closed)",
        "(would you|do you) know (if|whether) {x} (is|are) (open|closed|shut)",
    ],
    "state_locked": [
        "(am i right that|is it true that|i hope|i guess|i bet) {x} is (locked|unlocked)",
        "(i wonder|i'm wondering|i am asking|i don't know) (if|whether) {x} is (locked|unlocked)",
        "(would you|do you) know (if|whether) {x} is (locked|unlocked)",
    ],
    "state_value": [
        "(i wonder|i'm wondering|i am asking) (what|how high) {x} is",
        "(would you|do you) know (what|how high) {x} is",
        "(i'd love|i need|i want) to (know|see|hear) {x}",
        "(any|some) news (from|of|about) {x}",
        "(let me|can i) (see|have|hear) {x}",
    ],
    "list": [
        f"{_ING} (adding|putting|writing) {{i}} (to|on) {{x}}",
        "(i want|get|have|i need) {i} (written|put|noted|added) (on|to|down on) {x}",
        "(can|may|should|must|shall) {i} (be put|be added|go|come) (on|to|onto) {x}",
        "(see that|ensure that|take care that) {i} (is|gets) (on|added to) {x}",
        "{x} (is lacking|lacks|wants|still needs) {i}",
        "(i'd like|i want|we'd like) to (have|put|add) {i} (on|to) {x}",
        "(scribble|record|log|pen|type|file|mark) {i} (on|in|to|down on) {x}",
        "(would you mind|do you mind|how about) (adding|putting) {i} (to|on) {x}",
    ],
    "shopping": [
        f"{_ING} (adding|putting|writing) {{i}} (to|on) the shopping list",
        "(i want|get|have|i need) {i} (written|put|noted|added) (on|to) the shopping list",
        "(can|may|should|must|shall) {i} (be put|be added|come) (on|to|onto) the shopping list",
        "(see that|ensure that|take care that) (we get|we buy more|there is|i buy) {i}",
        "(scribble|record|log|type|file|mark) {i} (on|in|to) the shopping list",
        "(there's|there is) no [more] {i} [at home|in the house|in the fridge]",
        "(we|i) (finished|emptied|ate|used) (all the|the last of the|the last|our) {i}",
        "(the|our) {i} (is|are) (gone|empty|finished|all gone)",
        "(we|i) (run|are running|am running) (low on|short of|out of) {i}",
        "(i'd like|i want|we'd like) to (buy|have|get) {i}, (so add|add|put) (it|that|them) to the list",
        "(on the way home|tomorrow|this week|on saturday) (buy|get|pick up) {i}",
        "(somebody|someone|i|we) (has|have) to (buy|get|fetch|pick up) {i}",
        "(buy|get|order) (some more|some|a little|a few|another) {i} [please]",
    ],
    "timer": [
        f"{_ING} (setting|starting) a timer (for|of) {{d}}",
        "(can|may|should) (there be|i have|we get) a timer for {d}",
        "(i'd like|i want|we need) to (have|set|start) a timer (of|for) {d}",
        "(tell|remind|call|inform) me (once|when|as soon as) {d} (are over|are up|is over|have gone by)",
        "(see that|ensure that) i am (told|warned|called) in {d}",
    ],
    "scene": [
        "(would you mind|how about|consider|what about) (starting|activating) {x}",
        "(i feel like|i fancy|we fancy|it's time for|we are ready for) {x}",
        "(can|may|should|shall) (we have|it be|i have) {x} [mode] [now]",
        "(i'd like|i want|we want) to (have|start|do) {x}",
    ],
    "script": [
        "(would you mind|how about|consider|what about) (starting|running|doing) {x}",
        "(can|may|should|shall) {x} be (run|executed|done)",
        "(i'd like|i want|we want) to (have|start|run|do) {x}",
    ],
    "how_warm": [
        "(i wonder|i'm wondering|i am asking) how (warm|cold) (it is in {r}|{r} is)",
        "(would you|do you) know (the temperature in {r}|how warm {r} is|how cold it is in {r})",
        "(let me|i need to|i want to) know (the temperature in {r}|how cold {r} is)",
    ],
    "weather": [
        "(i wonder|i'm wondering|i want to know) (how the weather is|what the weather is like)",
        "(what sort of|which) weather (is it|is there|are we having)",
        "(any|some) news on the weather",
    ],
    "time": [
        "(i wonder|i'm wondering) what time it is",
        "(have you|has anyone) got the [exact] time",
    ],
    "date": ["(i wonder|i'm wondering) what day it is", "what's the day [today]"],
    "timers_off": [
        "(i want|i'd like|get|have) (all|the) timers (stopped|cancelled|deleted|removed)",
        "(would you mind|how about) (stopping|cancelling|deleting) (all|all the) timers",
    ],
}
"""Topic of :data:`data.home_phrases.PHRASES` -> further templates."""
