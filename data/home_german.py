"""German commands for homes with German names, for training and for validation.

Beside the templates of home-assistant/intents (:mod:`data.home_templates`), from which people differ.
Names and phrasings of both parts are apart, as in the English tables.
"""

import random
from collections.abc import Sequence

from data.home_mentions import Goal, Made
from data.home_wishes import Maker
from data.homes import Home
from data.phrasing import expand
from handlers.home_scene import Entity
from handlers.home_speech import words

AREAS = {
    "train": (
        *("Wohnzimmer", "Küche", "Schlafzimmer", "Bad", "Flur", "Büro", "Keller", "Kinderzimmer"),
        *("Esszimmer", "Garage", "Terrasse", "Arbeitszimmer", "Balkon"),
    ),
    "validation": ("Dachboden", "Waschküche", "Hobbyraum", "Wintergarten", "Ankleide", "Gästebad"),
}
THINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "light": {
        "train": ("Deckenlampe", "Stehlampe", "Tischlampe", "Licht", "Leselampe", "LED-Streifen"),
        "validation": ("Nachttischlampe", "Spiegellicht", "Lichterkette", "Wandleuchte"),
    },
    "switch": {
        "train": ("Steckdose", "Kaffeemaschine", "Waschmaschine", "Drucker"),
        "validation": ("Heizdecke", "Aquarium", "Brotbackautomat"),
    },
    "cover": {
        "train": ("Rollo", "Jalousie", "Vorhang", "Markise", "Rollladen"),
        "validation": ("Verdunkelung", "Lamellen", "Dachfenster"),
    },
    "fan": {"train": ("Ventilator", "Lüfter"), "validation": ("Umluft", "Dunstabzug")},
    "climate": {
        "train": ("Heizung", "Thermostat", "Klimaanlage"),
        "validation": ("Heizkörper", "Fußbodenheizung"),
    },
    "media_player": {
        "train": ("Fernseher", "Lautsprecher", "Radio", "Musikanlage"),
        "validation": ("Plattenspieler", "Beamer"),
    },
    "lock": {
        "train": ("Haustür", "Kellertür", "Schloss"),
        "validation": ("Hintertür", "Gartentor"),
    },
    "vacuum": {"train": ("Staubsauger", "Saugroboter"), "validation": ("Wischmopp",)},
}
_IN = {
    "Küche": "in der",
    "Garage": "in der",
    "Terrasse": "auf der",
    "Waschküche": "in der",
} | dict.fromkeys(("Balkon", "Dachboden"), "auf dem")
_NOUNS = {"light": ("das licht", "die lichter", "alle lampen", "die beleuchtung", "alle lichter")}

_SWITCHED = ("light", "light", "switch", "fan", "media_player", "climate")
_TOPICS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "on": (_SWITCHED, "HassTurnOn", ""),
    "off": (_SWITCHED, "HassTurnOff", ""),
    "open": (("cover",), "HassTurnOn", ""),
    "close": (("cover",), "HassTurnOff", ""),
    "brightness": (("light",), "HassLightSet", "brightness"),
    "color": (("light",), "HassLightSet", "color"),
    "position": (("cover",), "HassSetPosition", "position"),
    "temperature": (("climate",), "HassClimateSetTemperature", "temperature"),
    "volume": (("media_player",), "HassSetVolume", "volume_level"),
    "pause": (("media_player",), "HassMediaPause", ""),
    "lock": (("lock",), "HassTurnOn", ""),
    "unlock": (("lock",), "HassTurnOff", ""),
    "vacuum": (("vacuum",), "HassVacuumStart", ""),
    "dock": (("vacuum",), "HassVacuumReturnToBase", ""),
    "state": (("light", "switch", "fan"), "HassGetState", ""),
}
PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "on": (
            *("(schalte|schalt|mach|mache) {x} (an|ein)", "{x} (an|ein|einschalten|anmachen)"),
            *("kannst du {x} (anmachen|einschalten)", "ich hätte gern {x} an", "{x} soll an sein"),
        ),
        "off": (
            *("(schalte|schalt|mach|mache) {x} aus", "{x} (aus|ausschalten|ausmachen)"),
            *("kannst du {x} (ausmachen|ausschalten)", "{x} brauche ich nicht mehr"),
            "{x} soll aus sein",
        ),
        "open": ("(öffne|mach) {x} [auf]", "{x} (auf|öffnen|hoch|aufmachen)", "fahre {x} hoch"),
        "close": (
            *("schließe {x}", "mach {x} zu", "{x} (zu|schließen|runter|zumachen)"),
            "fahre {x} (runter|herunter)",
        ),
        "brightness": (
            *("(stelle|setze|dimme|stell) {x} auf {n} prozent", "{x} auf {n} prozent [helligkeit]"),
            "mach {x} {n} prozent hell",
        ),
        "color": ("(mach|stelle|färbe|setze) {x} [auf] {c}", "{x} {c}", "{x} soll {c} sein"),
        "position": ("(stelle|fahre|setze|öffne) {x} (auf|zu) {n} prozent", "{x} auf {n} prozent"),
        "temperature": (
            *("(stelle|stell|setze|drehe) {x} auf {n} grad", "{x} auf {n} grad"),
            "ich möchte {n} grad von {x}",
        ),
        "volume": ("(stelle|stell) {x} auf lautstärke {n}", "lautstärke von {x} auf {n} prozent"),
        "pause": ("pausiere {x}", "{x} (anhalten|pausieren)", "halte {x} an"),
        "lock": ("(schließe|sperre) {x} ab", "verriegle {x}", "{x} (abschließen|verriegeln)"),
        "unlock": ("(schließe|sperre) {x} auf", "entriegle {x}", "{x} (aufschließen|entriegeln)"),
        "vacuum": ("starte {x}", "{x} soll (saugen|putzen)", "lass {x} saugen"),
        "dock": ("(schicke|schick) {x} (nach hause|zurück|zur ladestation)", "{x} soll zurück"),
        "state": ("ist {x} (an|aus|eingeschaltet)", "läuft {x}", "wie ist der zustand von {x}"),
    },
    "validation": {
        "on": ("könntest du {x} anstellen", "lass {x} laufen", "bitte {x} anknipsen"),
        "off": ("könntest du {x} abstellen", "dreh {x} ab", "bitte {x} ausknipsen"),
        "open": ("könntest du {x} aufmachen", "lass {x} hochfahren"),
        "close": ("könntest du {x} zumachen", "lass {x} runterfahren"),
        "brightness": ("regle {x} auf {n} prozent", "gib {x} {n} prozent"),
        "color": ("lass {x} {c} leuchten", "ändere die farbe von {x} zu {c}"),
        "position": ("lass {x} auf {n} prozent fahren", "bring {x} auf {n} prozent"),
        "temperature": ("regle {x} auf {n} grad", "heize mit {x} auf {n} grad"),
        "volume": ("regle die lautstärke von {x} auf {n}", "bring {x} auf {n} prozent lautstärke"),
        "pause": ("könntest du {x} kurz pausieren", "unterbrich {x}"),
        "lock": ("könntest du {x} zusperren", "bitte {x} absperren"),
        "unlock": ("könntest du {x} aufsperren", "bitte {x} entsperren"),
        "vacuum": ("schick {x} los", "{x} kann loslegen"),
        "dock": ("{x} kann heimfahren", "ruf {x} zurück"),
        "state": ("brennt {x} noch", "weißt du ob {x} an ist"),
    },
}
_COLORS = {"rot": "red", "grün": "green", "blau": "blue", "gelb": "yellow", "weiß": "white"}


def german_home(part: str, rng: random.Random) -> Home:
    """A home of 2 to 5 areas with German names."""
    areas = rng.sample(AREAS[part], rng.randint(2, 5))
    entities: dict[str, Entity] = {}
    for area in areas:
        for domain, names in THINGS.items():
            if rng.random() > (0.95 if domain == "light" else 0.4):
                continue
            for thing in rng.sample(names[part], min(len(names[part]), rng.choice((1, 1, 2)))):
                name = rng.choice((thing, f"{area} {thing}", f"{thing} {area}"))
                found = f"{domain}.{'_'.join(words(name))}_{len(entities)}"
                if name not in {e.name for e in entities.values()}:
                    entities[found] = Entity(found, name, area)
    return Home(areas, list(entities.values()), [], told=True)


def _german(topic: str) -> Maker:
    domains, intent, slot = _TOPICS[topic]

    def make(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
        home.become(german_home(part, rng))
        found = home.of(rng.choice(domains))
        if not found:
            return None
        entity = rng.choice(found)
        target: tuple[Entity | str, str] = (entity, "")
        mention = f"{rng.choice(('', 'die ', 'das ', 'den '))}{entity.label().lower()}"
        nouns = _NOUNS.get(entity.kind(), ())
        if nouns and rng.random() < 0.4:
            target = (entity.area, entity.kind())
            mention = f"{rng.choice(nouns)} {_IN.get(entity.area, 'im')} {entity.area.lower()}"
        number = rng.randint(16, 26) if slot == "temperature" else rng.randrange(5, 100, 5)
        color = rng.choice(tuple(_COLORS))
        text = expand(rng.choice(PHRASES[part][topic]), rng, x=mention, n=str(number), c=color)
        value = _COLORS[color] if slot == "color" else str(number)
        return text, (Goal(intent, *target, ((slot, value),) if slot else ()),), ""

    return make


GERMAN: dict[str, tuple[Maker, float]] = {
    f"{topic}_de": (_german(topic), 2.0 if topic in ("on", "off") else 0.6) for topic in _TOPICS
}
"""Topic -> maker and how often, by weight."""
