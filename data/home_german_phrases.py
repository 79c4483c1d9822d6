"""What is asked in German and how: the first phrasings for training, and all for validation.

Topics that stand under "validation" alone are trained on ``data/seeds/home/german.txt``, which no
sentence of validation may come from.
"""

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
        "open": (
            *("öffne {x}", "mach {x} auf", "{x} (auf|öffnen|hoch|aufmachen)"),
            "fahre {x} hoch",
        ),
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
        "brighter": (
            "mach bei {x} mehr licht",
            "regle {x} etwas heller",
            "{x} könnte heller sein",
            "hol mehr licht aus {x}",
        ),
        "dimmer": ("regle {x} etwas dunkler", "{x} könnte dunkler sein", "nimm {x} etwas zurück"),
        "warmer": ("regle {x} etwas wärmer", "bei {x} bitte mehr wärme", "{x} dürfte wärmer sein"),
        "cooler": (
            "regle {x} etwas kühler",
            "{x} dürfte kälter sein",
            "bei {x} bitte weniger wärme",
        ),
        "louder": ("regle {x} etwas lauter", "{x} könnte lauter sein", "gib {x} mehr lautstärke"),
        "quieter": ("regle {x} etwas leiser", "{x} könnte leiser sein", "dämpfe {x} etwas"),
        "resume": (
            "{x} kann weitergehen",
            "heb die pause von {x} auf",
            "auf {x} kann es weitergehen",
        ),
        "next": (
            "{x} bitte weiter zum nächsten lied",
            "auf {x} bitte den nächsten song",
            "auf {x} bitte ein lied vor",
        ),
        "previous": (
            "{x} bitte zurück zum vorherigen lied",
            "auf {x} bitte den vorigen song",
            "auf {x} bitte das vorherige stück",
        ),
        "mute": ("dreh {x} stumm", "nimm {x} den ton", "stell bei {x} den ton ab"),
        "unmute": (
            "{x} muss wieder ton haben",
            "gib {x} den ton zurück",
            "hol bei {x} den ton zurück",
        ),
        "full": (
            "{x} braucht die maximale helligkeit",
            "gib bei {x} volles licht",
            "regle {x} auf maximale helligkeit",
        ),
        "half": (
            "senk {x} auf die halbe helligkeit",
            "regle {x} auf halbe helligkeit",
            "{x} mit der hälfte betreiben",
        ),
        "half_open": (
            "{x} nur zur hälfte aufmachen",
            "{x} soll halb aufgehen",
            "lass {x} zur hälfte runter",
        ),
        "fan_speed": (
            "lass {x} nur noch {n} prozent drehen",
            "regle {x} auf {n} prozent",
            "betreibe {x} mit {n} prozent",
        ),
        "too_dark": (
            "ich finde {p} den schalter nicht so dunkel ist es",
            "{p} könnte es heller sein",
            "man stolpert {p} im dunkeln",
        ),
        "too_bright": (
            "mir scheint {p} zu viel licht",
            "{p} ist das licht unnötig",
            "so viel licht brauche ich {p} nicht",
        ),
        "too_cold": (
            "ich zittere vor kälte {p}",
            "{p} bekommt man kalte füße",
            "{p} ist mir nicht warm genug",
        ),
        "too_hot": (
            "ich komme {p} vor hitze fast um",
            "{p} zerfließen wir vor hitze",
            "{p} ist mir nicht kühl genug",
        ),
        "how_warm": (
            "bitte um die temperatur {p}",
            "was zeigt die temperatur {p}",
            "wie viel grad habe ich {p}",
        ),
        "which_on": (
            "stehen {p} irgendwelche {o} auf an",
            "gib an welche {o} {p} leuchten",
            "an welchen stellen {p} sind {o} an",
        ),
        "all_off": (
            "kein licht mehr {p} bitte alle {o} weg",
            "{p} bitte keine {o} mehr an",
            "dreh {p} alle {o} ab",
        ),
        "all_on": (
            "bitte {p} mit allen {o} leuchten",
            "dreh {p} alle {o} auf",
            "knips {p} alle {o} an",
        ),
        "everything_off": (
            "nichts soll {p} mehr an sein",
            "dreh {p} alles ab",
            "stell {p} alles ab",
        ),
        "scene": ("zeig mir die szene {x}", "bring uns in die szene {x}", "jetzt die szene {x}"),
        "shopping": ("notiere zum einkaufen {i}", "besorgen müssen wir noch {i}"),
        "list": (
            "{i} bitte noch zu {x} dazuschreiben",
            "halte {i} auf der liste {x} fest",
            "ergänze auf der liste {x} noch {i}",
        ),
        "timer": (
            "lass es nach {d} klingeln",
            "richte einen timer auf {d} ein",
            "miss {d} mit einem timer",
        ),
        "timer_cancel": (
            "der timer ist überflüssig geworden",
            "weg mit dem timer",
            "halte den timer an und lösche ihn",
        ),
        "timer_left": (
            "wie viel fehlt beim timer noch",
            "was zeigt der timer noch an",
            "wie lange muss der timer noch laufen",
        ),
        "time": ("bitte die genaue zeit ansagen", "was sagt die uhr", "wie spät haben wir es"),
        "date": (
            "bitte das datum von heute ansagen",
            "welcher kalendertag ist heute",
            "heute ist der wievielte",
        ),
        "weather": (
            "kommt heute noch ein gewitter",
            "muss ich heute mit regen rechnen",
            "wie sieht es draußen mit dem wetter aus",
        ),
        "unclear": (
            *("könntest du das mal ändern", "bitte dort etwas tun", "mach das andere ding an"),
            *("stell es bitte richtig ein", "nimm {n} prozent", "dreh das da mal um"),
        ),
        "other": (
            *(
                "wer malte die mona lisa",
                "was ist die quersumme von {n}",
                "wie tief ist der bodensee",
                "erzähl mir von dir",
            ),
            *("wie bindet man eine krawatte", "ich war heute beim bäcker", "was ist ein palindrom"),
            *(
                "wie viele spieler hat eine fußballmannschaft",
                "nenn mir die monate",
                "du fehlst mir",
            ),
            *("wie spricht man croissant aus", "schreib eine rede zur hochzeit", "das ist ja irre"),
            *("welcher fluss fließt durch köln", "wie lange kocht ein ei", "heute habe ich frei"),
            *("wann geht die sonne im juli auf", "schick papa eine sms", "was kostet eine lampe"),
            *("wie wechsle ich einen reifen", "mein radio von früher war rot", "was essen igel"),
            *(
                "warum hat der mond flecken",
                "wer wohnt im schloss bellevue",
                "ich lerne chinesisch",
            ),
        ),
        "opposite": (
            "{y} bitte aus und dafür {x} an",
            "{x} an aber {y} aus bitte",
            "ich will {x} an und {y} aus",
        ),
        "opposite_cover": (
            "{y} bitte zu und dafür {x} auf",
            "{x} öffnen aber {y} schließen bitte",
            "ich will {x} auf und {y} zu",
        ),
    },
}
"""Part -> topic -> templates."""

OPPOSITES = {
    "opposite": (
        "(mach|schalte|schalt) {x} (an|ein) und {y} aus",
        "{x} (an|ein)(,| und) {y} aus",
        "{x} (anmachen|einschalten) und {y} (ausmachen|ausschalten)",
        "(mach|schalte) {x} (an|ein) und (mach|schalte) {y} aus",
        "kannst du {x} (einschalten|anmachen) und {y} (ausschalten|ausmachen)",
        "{x} soll an sein und {y} soll aus sein",
    ),
    "opposite_cover": (
        "mach {x} auf und (mach|fahr) {y} zu",
        "öffne {x} und schließe {y}",
        "{x} (auf|hoch)(,| und) {y} (zu|runter)",
        "fahr {x} hoch und {y} runter",
        "{x} öffnen und {y} schließen",
    ),
}
"""Two commands of opposite ways, for training."""

JOINTS = {
    "train": (*(" und ",) * 4, " und dann ", " und außerdem ", ", ", ". ", " dann ", " und auch "),
    "validation": (" und ", " und ", ", und noch ", " und anschließend ", "; "),
}

_SWITCHED = ("light", "light", "switch", "fan", "media_player", "climate")
STEPS = {
    "brighter": ("light", "HassLightSet", "up"),
    "dimmer": ("light", "HassLightSet", "down"),
    "warmer": ("climate", "HassClimateSetTemperature", "up"),
    "cooler": ("climate", "HassClimateSetTemperature", "down"),
    "louder": ("media_player", "HassSetVolumeRelative", "up"),
    "quieter": ("media_player", "HassSetVolumeRelative", "down"),
}
"""Topic -> domain, intent, and up or down."""

TOPICS: dict[str, tuple[tuple[str, ...], str, tuple[tuple[str, str], ...]]] = {
    "on": (_SWITCHED, "HassTurnOn", ()),
    "off": (_SWITCHED, "HassTurnOff", ()),
    "open": (("cover",), "HassTurnOn", ()),
    "close": (("cover",), "HassTurnOff", ()),
    "brightness": (("light",), "HassLightSet", (("brightness", "n"),)),
    "color": (("light",), "HassLightSet", (("color", "c"),)),
    "position": (("cover",), "HassSetPosition", (("position", "n"),)),
    "temperature": (("climate",), "HassClimateSetTemperature", (("temperature", "n"),)),
    "volume": (("media_player",), "HassSetVolume", (("volume_level", "n"),)),
    "pause": (("media_player",), "HassMediaPause", ()),
    "lock": (("lock",), "HassTurnOn", ()),
    "unlock": (("lock",), "HassTurnOff", ()),
    "vacuum": (("vacuum",), "HassVacuumStart", ()),
    "dock": (("vacuum",), "HassVacuumReturnToBase", ()),
    "state": (("light", "switch", "fan"), "HassGetState", ()),
    **{name: ((kind,), i, (("change", way),)) for name, (kind, i, way) in STEPS.items()},
    "resume": (("media_player",), "HassMediaUnpause", ()),
    "next": (("media_player",), "HassMediaNext", ()),
    "previous": (("media_player",), "HassMediaPrevious", ()),
    "mute": (("media_player",), "HassMediaPlayerMute", ()),
    "unmute": (("media_player",), "HassMediaPlayerUnmute", ()),
    "full": (("light",), "HassLightSet", (("brightness", "100"),)),
    "half": (("light",), "HassLightSet", (("brightness", "50"),)),
    "half_open": (("cover",), "HassSetPosition", (("position", "50"),)),
    "fan_speed": (("fan",), "HassFanSetSpeed", (("percentage", "n"),)),
}
"""Topics that speak of one thing, or of all of a kind in a place, as {x}: domains, intent, slots."""

COLORS = {
    "rot": "red",
    "grün": "green",
    "blau": "blue",
    "gelb": "yellow",
    "weiß": "white",
    "lila": "purple",
    "rosa": "pink",
    "türkis": "turquoise",
    "orange": "orange",
    "violett": "violet",
    "braun": "brown",
}
"""German colour -> the one of :data:`handlers.home_actions.COLORS`."""
