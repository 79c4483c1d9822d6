"""Rooms, storeys, things and their genders for :mod:`data.home_german`, apart by part."""

AREAS: dict[str, tuple[str, ...]] = {
    "train": (
        *("Wohnzimmer", "Küche", "Schlafzimmer", "Bad", "Flur", "Büro", "Keller", "Kinderzimmer"),
        *("Esszimmer", "Garage", "Terrasse", "Arbeitszimmer", "Balkon", "Gästezimmer", "Werkstatt"),
        *("Garten", "Diele", "Speisekammer", "Treppenhaus", "Eingang", "Badezimmer", "Stube"),
        *("Spielzimmer", "Musikzimmer", "Bibliothek", "Vorratsraum", "Sauna", "Gang", "Veranda"),
        *("Abstellkammer", "WC", "Fernsehzimmer", "Hof", "Schuppen", "Fitnessraum", "Atelier"),
        *("Galerie", "Loggia", "Vorzimmer", "Heizungsraum", "Bügelzimmer", "Gartenhaus"),
    ),
    "validation": ("Dachboden", "Waschküche", "Hobbyraum", "Wintergarten", "Ankleide", "Gästebad"),
}
FLOORS: dict[str, tuple[str, ...]] = {
    "train": ("Erdgeschoss", "Obergeschoss", "Untergeschoss", "Parterre", "Dachgeschoss"),
    "validation": ("Souterrain", "Hochparterre", "Zwischengeschoss"),
}
THINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "light": {
        "train": (
            *("Deckenlampe", "Stehlampe", "Tischlampe", "Licht", "Leselampe", "LED-Streifen"),
            *("Deckenlicht", "Deckenleuchte", "Pendelleuchte", "Hängelampe", "Bogenlampe"),
            *("Schreibtischlampe", "Nachtlicht", "Strahler", "Spots", "Unterbaulicht", "Lampe"),
            *("Außenlicht", "Laterne", "Stehleuchte", "Kugellampe", "Lichtleiste", "Leuchte"),
        ),
        "validation": ("Nachttischlampe", "Spiegellicht", "Lichterkette", "Wandleuchte"),
    },
    "switch": {
        "train": (
            *("Steckdose", "Kaffeemaschine", "Waschmaschine", "Drucker", "Wasserkocher"),
            *("Spülmaschine", "Trockner", "Toaster", "Bügeleisen", "Weihnachtsbaum", "Teichpumpe"),
            *("Ladegerät", "Rechner", "Router", "Boiler", "Springbrunnen", "Handtuchwärmer"),
        ),
        "validation": ("Heizdecke", "Aquarium", "Brotbackautomat"),
    },
    "cover": {
        "train": (
            *("Rollo", "Jalousie", "Vorhang", "Markise", "Rollladen", "Gardine", "Raffstore"),
            *("Plissee", "Sonnensegel", "Garagentor", "Fensterladen", "Storen", "Fenster"),
        ),
        "validation": ("Verdunkelung", "Lamellen", "Dachfenster"),
    },
    "fan": {
        "train": (
            *("Ventilator", "Lüfter", "Deckenventilator", "Standventilator", "Lüftung"),
            *("Turmventilator", "Tischventilator", "Badlüfter"),
        ),
        "validation": ("Umluft", "Dunstabzug"),
    },
    "climate": {
        "train": (
            *("Heizung", "Thermostat", "Klimaanlage", "Radiator", "Klimagerät", "Wandthermostat"),
            *("Infrarotheizung", "Wärmepumpe"),
        ),
        "validation": ("Heizkörper", "Fußbodenheizung"),
    },
    "media_player": {
        "train": (
            *("Fernseher", "Lautsprecher", "Radio", "Musikanlage", "TV", "Box", "Soundbar"),
            *("Stereoanlage", "Internetradio", "Verstärker", "Heimkino"),
        ),
        "validation": ("Plattenspieler", "Beamer"),
    },
    "lock": {
        "train": (
            *("Haustür", "Kellertür", "Schloss", "Wohnungstür", "Türschloss", "Seitentür"),
            *("Balkontür", "Terrassentür", "Eingangstür", "Schuppentür"),
        ),
        "validation": ("Hintertür", "Gartentor"),
    },
    "vacuum": {
        "train": ("Staubsauger", "Saugroboter", "Wischroboter", "Putzroboter", "Sauger"),
        "validation": ("Wischmopp",),
    },
    "scene": {
        "train": (
            *("Filmabend", "Gute Nacht", "Guten Morgen", "Abendessen", "Party", "Lesen", "Kochen"),
            *("Entspannung", "Frühstück", "Spieleabend", "Sonnenuntergang", "Heimkommen"),
        ),
        "validation": ("Kuschelabend", "Serienzeit", "Morgenstimmung", "Konzentration"),
    },
    "todo": {
        "train": ("Aufgaben", "Baumarkt", "Hausarbeit", "Urlaub", "Geschenke", "Wochenmarkt"),
        "validation": ("Erledigungen", "Drogerie", "Campingausflug"),
    },
}
"""Domain -> names of its things; those of the last two belong to no room."""

ITEMS: dict[str, tuple[str, ...]] = {
    "train": tuple(
        """milch brot butter eier käse wurst äpfel birnen bananen tomaten gurken zwiebeln kartoffeln
        nudeln reis mehl zucker salz pfeffer kaffee tee kakao bier wein mineralwasser orangensaft
        joghurt topfen quark sahne schlagobers honig marmelade müsli haferflocken kekse schokolade
        chips nüsse mandeln lachs thunfisch hähnchen hackfleisch faschiertes schinken speck salat
        spinat karotten paprika paradeiser knoblauch petersilie zitronen trauben erdbeeren semmeln
        brötchen gipfeli zopf germ hefe essig olivenöl senf ketchup klopapier küchenrolle
        waschmittel spülmittel müllsäcke shampoo zahnpasta seife windeln katzenfutter batterien
        glühbirnen streichhölzer kerzen blumenerde nägel schrauben""".split()
    ),
    "validation": tuple(
        """brezeln leberkäse rotkohl pfirsiche sonnencreme mozzarella erdnussbutter backpapier
        alufolie vogelfutter linsen preiselbeeren taschentücher""".split()
    ),
}

_ON = ("Balkon", "Terrasse", "Dachboden", "Veranda", "Galerie", "Hof", "Loggia")
_FEMININE = tuple(
    """lampe leuchte dose maschine jalousie markise heizung anlage tür gardine box bar lüftung decke
    pumpe küche garage terrasse ankleide werkstatt diele veranda kammer sauna bibliothek galerie
    loggia stube kette verdunkelung umluft laterne leiste""".split()
)
_NEUTER = tuple(
    """licht rollo plissee radio schloss thermostat tor fenster gerät segel zimmer bad büro atelier
    haus aquarium eisen kino geschoss souterrain parterre wc tv""".split()
)
_PLURAL = ("lamellen", "spots", "storen")
_ARTICLES = {
    "f": ("die", "die", "der"),
    "n": ("das", "das", "dem"),
    "m": ("den", "der", "dem"),
    "p": ("die", "die", "den"),
}


def gender(noun: str) -> str:
    """``f``, ``n``, ``m`` or, of a plural, ``p``; told by how its last word ends."""
    word = noun.lower().split()[-1]
    for found, endings in (("p", _PLURAL), ("f", _FEMININE), ("n", _NEUTER)):
        if word.endswith(endings):
            return found
    return "m"


def articles(noun: str) -> tuple[str, str, str]:
    """What stands before it as an object, as a subject, and after "von"."""
    return _ARTICLES[gender(noun)]


def inside(area: str) -> str:
    """A room or a storey with its preposition: "in der küche", "im bad", "auf dem balkon"."""
    feminine = gender(area) == "f"
    on = "auf der" if feminine else "auf dem"
    return f"{on if area in _ON else 'in der' if feminine else 'im'} {area.lower()}"
