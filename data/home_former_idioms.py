"""The part of :data:`data.home_former.FORMER` that goes beyond one plain command."""

FORMER_IDIOMS: dict[str, list[str]] = {
    "the_media": [
        "i need a break from the music, pause it",
    ],
    "the_resume": [
        "let the music continue",
        "back to the music, resume",
    ],
    "the_next": [
        "next tune",
        "another song would be nice",
    ],
    "the_previous": [
        "the song before this one again",
    ],
    "the_volume": [
        "i would like the volume at {n}",
        "make the volume {n} percent",
    ],
    "the_louder": [
        "a little more volume please",
        "i want the music louder",
    ],
    "the_quieter": [
        "a little less volume please",
        "i want the music quieter",
    ],
    "light_up": [
        "give {x} a bit more brightness",
        "i'd prefer {x} a little brighter",
        "pump up the brightness of {x}",
    ],
    "light_down": [
        "take {x} down a notch",
        "i'd prefer {x} a little darker",
        "{x} could be less bright",
    ],
    "light_up_by": [
        "add {n} percent to {x}",
        "get {x} {n} percent brighter",
    ],
    "light_down_by": [
        "take {n} percent off {x}",
        "get {x} {n} percent dimmer",
    ],
    "room_dark": [
        "it's hard to see in {r}",
        "{r} is a bit gloomy",
        "i'm stumbling around in the dark in {r}",
    ],
    "room_bright": [
        "we left {r}, the lights can go",
        "all that light in {r} is disturbing me",
    ],
    "room_cold": [
        "i need {r} to be a little warmer",
        "my feet are getting cold in {r}",
        "{r} could be warmer",
    ],
    "room_hot": [
        "i need {r} to be a little cooler",
        "we are roasting in {r}",
        "{r} could be cooler",
    ],
    "warmer": [
        "give {x} a bit more heat",
        "i'd prefer {x} a little warmer",
    ],
    "cooler": [
        "give {x} a bit less heat",
        "i'd prefer {x} a little cooler",
    ],
    "warmer_by": [
        "add {n} degrees to {x}",
        "get {x} {n} degrees warmer",
    ],
    "cooler_by": [
        "take {n} degrees off {x}",
        "get {x} {n} degrees cooler",
    ],
    "louder": [
        "give {x} some more volume",
        "i can barely hear {x}",
    ],
    "quieter": [
        "give {x} a little less volume",
        "{x} hurts my ears",
    ],
    "louder_by": [
        "add {n} to the volume of {x}",
    ],
    "quieter_by": [
        "take {n} off the volume of {x}",
    ],
    "fan_speed": [
        "let {x} spin at {n} percent",
        "blow at {n} percent with {x}",
    ],
    "faster": [
        "let {x} spin a bit faster",
        "more air from {x}",
    ],
    "slower": [
        "let {x} spin a bit slower",
        "less air from {x}",
    ],
    "water_on": [
        "give {r} some water",
        "{r} is thirsty",
    ],
    "water_off": [
        "{r} is wet enough, no more water",
        "halt the watering in {r}",
    ],
    "toggle": [
        "do toggle {x}",
        "have {x} toggled",
        "toggle the state of {x}",
    ],
    "white": [
        "let's have {w} for {x}",
        "{x} should shine in {w}",
    ],
    "everything_on": [
        "i want everything {p} on",
        "start everything {p}",
    ],
    "everything_off": [
        "i want everything {p} off",
        "leave nothing on {p}",
        "off with everything {p}",
    ],
    "except": [
        "{s} with the exception of {e}",
        "{s}, don't touch {e}",
        "{s} excluding {e}",
    ],
}
"""Topic of :data:`data.home_idioms.IDIOMS` -> templates."""
