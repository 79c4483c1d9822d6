"""What people call kinds of things: the words for a domain, and for a class of covers or sensors."""

from collections.abc import Iterable, Sequence

from handlers.home_scene import Entity
from handlers.home_speech import words

_ENGLISH: dict[str, tuple[str, ...]] = {
    "light": ("light", "lamp", "lighting", "bulb", "chandelier", "spotlight", "lantern", "led"),
    "fan": ("fan", "ventilator"),
    "switch": ("switch", "plug", "outlet", "socket"),
    "cover": (
        *("cover", "blind", "curtain", "shutter", "shade", "awning", "garage", "gate"),
        *("window", "drape", "roller", "skylight"),
    ),
    "lock": ("lock", "door", "deadbolt"),
    "media_player": (
        *("speaker", "tv", "television", "music", "radio", "media", "volume", "song", "track"),
    ),
    "climate": (
        *("thermostat", "heating", "heater", "ac", "temperature", "radiator", "degree", "heat"),
    ),
    "vacuum": ("vacuum", "hoover", "robot"),
    "valve": ("valve", "sprinkler", "irrigation"),
    "humidifier": ("humidifier", "dehumidifier", "humidity"),
    "scene": ("scene", "mode"),
    "script": ("script", "routine"),
    "todo": ("list",),
    "sensor": ("sensor", "temperature", "humidity", "battery", "co2"),
    "binary_sensor": ("sensor", "door", "window", "motion", "leak"),
    "lawn_mower": ("mower", "lawn"),
    "weather": ("weather", "forecast"),
}
_GERMAN: dict[str, tuple[str, ...]] = {
    "light": (
        *("licht", "lichter", "lichtern", "lampe", "lampen", "leuchte", "leuchten", "beleuchtung"),
        *("strahler", "glühbirne", "glühbirnen"),
    ),
    "fan": ("ventilator", "ventilatoren", "lüfter", "lüftern", "lüftung"),
    "switch": ("schalter", "steckdose", "steckdosen"),
    "cover": (
        *("rollo", "rollos", "rolladen", "rollladen", "rollläden", "jalousie", "jalousien"),
        *("vorhang", "vorhänge", "vorhängen", "gardine", "gardinen", "markise", "markisen"),
        *("garagentor", "fenster", "raffstore", "plissee", "fensterladen", "fensterläden"),
    ),
    "lock": ("schloss", "schlösser", "türschloss", "tür", "türen"),
    "media_player": (
        *("fernseher", "lautsprecher", "musik", "lautstärke", "musikanlage", "stereoanlage"),
        *("lied", "titel"),
    ),
    "climate": (
        *("heizung", "heizungen", "heizkörper", "temperatur", "grad", "klimaanlage", "klimagerät"),
        *("thermostat", "thermostaten"),
    ),
    "vacuum": ("staubsauger", "saugroboter", "putzroboter", "wischroboter", "sauger", "roboter"),
    "valve": ("ventil", "bewässerung"),
    "humidifier": ("luftbefeuchter", "luftentfeuchter", "luftfeuchtigkeit"),
    "scene": ("szene", "lichtszene", "stimmung", "lichtstimmung"),
    "script": ("skript",),
    "todo": ("liste",),
    "sensor": ("temperatur", "luftfeuchtigkeit", "batterie", "akku"),
    "binary_sensor": ("tür", "türen", "fenster", "bewegung"),
    "lawn_mower": ("rasenmäher", "mähroboter", "rasen"),
    "weather": ("wetter", "wetterbericht", "wettervorhersage"),
}
KIND_WORDS = {kind: said + _GERMAN.get(kind, ()) for kind, said in _ENGLISH.items()}
"""Domain -> the words for its things, as stems."""

MENDED_TO = frozenset(word for said in _ENGLISH.values() for word in said)
"""Of these words those that a misspelt word may be put right to."""

_CLASSES: dict[str, dict[str, tuple[str, ...]]] = {
    "cover": {
        "blind": ("blind", "rollo", "jalousie", "jalousien", "raffstore", "shade"),
        "curtain": (
            *("curtain", "drape", "vorhang", "vorhänge", "vorhängen", "gardine", "gardinen"),
        ),
        "shutter": (
            *("shutter", "rolladen", "rollladen", "rollläden", "fensterladen", "fensterläden"),
        ),
        "shade": ("shade",),
        "awning": ("awning", "markise", "markisen"),
        "garage": ("garage", "garagentor"),
        "gate": ("gate",),
        "window": ("window", "skylight", "fenster"),
    },
    "media_player": {
        "tv": ("tv", "television", "fernseher"),
        "speaker": ("speaker", "lautsprecher", "soundbar"),
    },
    "sensor": {
        "temperature": ("temperature", "temperatur", "warm", "cold", "hot", "thermometer"),
        "humidity": ("humidity", "humid", "hygrometer", "luftfeuchtigkeit"),
        "battery": ("battery", "batterie"),
        "power": ("power", "watt", "wattage"),
        "energy": ("energy", "kwh"),
        "carbon_dioxide": ("co2",),
    },
    "binary_sensor": {
        "door": ("door", "tür", "türen"),
        "garage_door": ("garage",),
        "window": ("window", "fenster"),
        "motion": ("motion", "movement", "occupancy", "presence", "bewegung"),
        "moisture": ("leak", "moisture", "flood"),
        "smoke": ("smoke",),
        "battery": ("battery", "batterie"),
    },
}
_SAME_CLASS = {"opening": "door", "occupancy": "motion", "presence": "motion"}


def kinds_of(said: Iterable[str]) -> frozenset[str]:
    """Domains of which something was said in general: "lights", "the blinds"."""
    heard = set(said)
    return frozenset(kind for kind, names in KIND_WORDS.items() if not heard.isdisjoint(names))


def class_said(domain: str, stem: str) -> str:
    """The class of a domain's things that a word means, or ""."""
    classes = _CLASSES.get(domain, {})
    return next((name for name, said in classes.items() if stem in said), "")


def fits_kind(entity: Entity, stem: str) -> bool:
    """Whether an entity of the right domain is also of the class that was said, if one was."""
    domain = entity.kind()
    said = class_said(domain, stem)
    own = _SAME_CLASS.get(entity.device_class, entity.device_class)
    return not said or said in {own, *(class_said(domain, w) for w in words(entity.label()))}


def of_class(chosen: Sequence[Entity], stems: Iterable[str]) -> list[Entity]:
    """Of several entities those of the classes that were said: blinds are not the garage door.

    Where no class was said for a domain, or none of its entities has it, all of them stay.
    """
    heard = tuple(stems)
    fitting = []
    for domain in dict.fromkeys(entity.kind() for entity in chosen):
        inside = [entity for entity in chosen if entity.kind() == domain]
        named = [stem for stem in heard if class_said(domain, stem)]
        fitting += [e for e in inside if any(fits_kind(e, stem) for stem in named)] or inside
    return fitting


_USED = {"HassMediaUnpause": "paused"} | dict.fromkeys(
    (
        *("HassMediaPause", "HassMediaNext", "HassMediaPrevious", "HassSetVolume"),
        *("HassSetVolumeRelative", "HassMediaPlayerMute", "HassMediaPlayerUnmute"),
    ),
    "playing",
)
"""Intent -> the state that a player must be in if others are not; Home Assistant asks the same."""


def in_use(intent: str, chosen: list[Entity]) -> list[Entity]:
    """Of several players those that play, or for "go on" those that pause, if there are any."""
    state = _USED.get(intent)
    return [e for e in chosen if state and e.state == state] or chosen
