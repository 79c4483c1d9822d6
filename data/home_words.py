"""Words of homes: rooms, things, people. Each table has a training and a validation part.

No word group of a validation part occurs in a training part, so that a validation home is made of
names that the model has never read.
"""

from functools import lru_cache

AREAS = {
    "train": """kitchen;living room;bedroom;bathroom;hallway;office;garage;basement;dining room;
        guest room;master bedroom;kids room;laundry room;garden;terrace;patio;balcony;entrance;
        pantry;study;library;nursery;playroom;hall;gym;workshop;conservatory;den;foyer;
        utility room;porch;backyard;front yard;driveway;closet;media room;sunroom;landing;
        staircase;cellar;studio;mudroom;lounge;family room;upstairs;downstairs;guest bathroom;
        kids bedroom;spare room;toilet;dressing room;back garden;home office;en suite;corridor;
        front porch;main bathroom;guest bedroom;storage room;barn;lobby;nook;veranda;pool;
        living area;kitchenette;cinema room;craft room;tv room;Emma's room;Ben's room;
        Sofia's bedroom;Luca's room;Wohnzimmer;Küche;Schlafzimmer;Bad;Flur;Büro;Keller""",
    "validation": """attic;game room;sauna;greenhouse;music room;east wing;boathouse;loft;
        wine cellar;snug;pool house;rooftop;shed;scullery;boiler room;roof deck;atrium;
        Mira's room;Jonas's room;observatory;carport;stables;lab;breakfast corner;Gästezimmer;
        Diele;Werkstatt;mezzanine;orangery;cloakroom""",
}

# Floors: names that mean the same one, apart by a slash.
FLOORS = {
    "train": """ground floor/downstairs;first floor/upstairs;second floor;upper floor/upstairs;
        main floor;third floor;lower floor/downstairs;first storey;Obergeschoss;Erdgeschoss;
        basement floor;upstairs;downstairs""",
    "validation": """top floor/upper level;lower level/bottom floor;garden level;entry level;
        fourth floor;Dachgeschoss;cottage""",
}

THINGS = {
    "light": {
        "train": """ceiling light;floor lamp;table lamp;lamp;light;lights;spotlights;LED strip;
            pendant;chandelier;desk lamp;night light;bedside lamp;wall light;reading lamp;
            fairy lights;downlights;cabinet lights;mirror light;string lights;main light;
            counter lights;corner lamp;standing lamp;overhead light;accent light;bulb;
            christmas lights;island lights;sink light;left lamp;right lamp;ambient light;
            bed light;shelf lights;lantern;dimmer;Deckenlampe;Stehlampe""",
        "validation": """sconce;lava lamp;track lights;torchiere;picture light;mood light;
            tiffany lamp;vanity lights;stair lights;globe lamp;neon sign;hanging lamp""",
    },
    "switch": {
        "train": """coffee maker;plug;outlet;smart plug;heater plug;kettle;toaster;washer;
            power strip;water pump;switch;iron;printer;router;charger;radio plug;dryer plug;
            dishwasher plug;humidifier;space heater;irrigation;doorbell chime;
            3d printer;fish tank;hair straightener;tree;fountain;towel warmer;
            coffee machine;washing machine;water heater;heated towels;home theater;baby monitor;
            ice maker;popcorn machine;bread maker;garden pump;front bell;work table;night charger""",
        "validation": """espresso machine;rice cooker;sewing machine;amplifier;freezer;
            slow cooker;terrarium;laser cutter;pond filter;electric blanket""",
    },
    "fan": {
        "train": """ceiling fan;fan;exhaust fan;tower fan;desk fan;ventilator;bath fan;
            extractor fan;air circulator;pedestal fan;stand fan""",
        "validation": "box fan;range hood;air purifier;window fan",
    },
    "cover": {
        "train": """blinds;curtains;blind;curtain;shutters;roller blind;shades;shutter;
            left blind;right blind;awning;garage door;gate;front gate;window;roof window;
            big blinds;small window;left curtain;sheer curtains;Rollo""",
        "validation": """roman shade;venetian blinds;skylight;drapes;plantation shutters;
            side gate;sun sail""",
    },
    "lock": {
        "train": """front door;back door;door lock;lock;side door;garage lock;front door lock;
            main door;patio door;smart lock;gate lock;entry door""",
        "validation": "cellar door;deadbolt;shed door;mailbox;porch door",
    },
    "climate": {
        "train": """thermostat;heating;air conditioner;ac;radiator;heater;floor heating;
            radiator valve;heat pump;climate""",
        "validation": "mini split;underfloor heating;wall heater;boiler",
    },
    "media_player": {
        "train": """tv;speaker;television;soundbar;radio;stereo;receiver;music player;
            smart speaker;projector;bluetooth speaker;homepod;echo;apple tv;turntable""",
        "validation": "jukebox;gramophone;hi-fi;boombox;streaming stick",
    },
    "vacuum": {
        "train": "vacuum;robot vacuum;roomba;hoover;vacuum cleaner;dust buddy;robot cleaner",
        "validation": "roborock;crumb eater;mop bot;Dusty",
    },
    "valve": {
        "train": "sprinkler;water valve;main valve;irrigation valve;garden tap",
        "validation": "drip line;pond valve",
    },
    "scene": {
        "train": """movie night;good morning;bedtime;dinner;party;relax;romantic;reading time;
            work mode;focus;sunset;cozy evening;all bright;night mode;game time""",
        "validation": "date night;stargazing;spa time;siesta;yoga flow",
    },
    "script": {
        "train": """leaving home;goodnight;water the plants;vacation mode;feed the cat;
            welcome home;wake up;close everything;alarm drill""",
        "validation": "open house;storm watch;school run;guest welcome",
    },
    "todo": {
        "train": "to-do list;chores;groceries;tasks;weekend list;packing list;work list",
        "validation": "errands;bucket list;repair list;homework",
    },
    "sensor": {
        "train": """temperature;humidity;outdoor temperature;battery level;power meter;
            air quality;energy meter;light level;soil moisture;co2;temperature sensor;
            humidity sensor;thermometer;phone battery;door battery""",
        "validation": "rain gauge;barometer;wind speed;tank level;hygrometer;remote battery",
    },
    "binary_sensor": {
        "train": """motion sensor;window sensor;door sensor;leak sensor;smoke detector;
            front window;presence sensor;back window;motion;window;contact;left window""",
        "validation": "glass break sensor;mailbox sensor;freezer door;hatch window;cat flap",
    },
    "humidifier": {
        "train": "humidifier;dehumidifier;mist maker;air humidifier",
        "validation": "vaporizer;fogger",
    },
    "lawn_mower": {"train": "mower;lawn mower;robot mower;grass cutter", "validation": "mowbot"},
    "person": {
        "train": "Emma;Ben;Sofia;Luca;Anna;Tom;Nora;Oscar;Paul;Ida",
        "validation": "Mira;Jonas;Priya;Hugo",
    },
    "weather": {"train": "home;weather;forecast", "validation": "weather station"},
}

OWNERS = {
    "train": """Emma;Ben;Sofia;Luca;Anna;Tom;Lily;Max;Nora;Oscar;Grandma;Dad;Mum;Paul;Ida;Kim""",
    "validation": "Mira;Jonas;Priya;Hugo;Aunt May;Yuki;Bruno",
}

# Made-up product names for entities that are called after a brand or nothing at all.
SYLLABLES = {
    "train": "zor;van;tal;ik;mo;ra;lun;dex;fil;ka;no;bri;sol;ty;har;vo;lex;pim;or;ta",
    "validation": "quo;wen;jib;us;gla;fe;cru;ny;shu;dap;yel;mir;oth;uz",
}

ITEMS = {
    "train": """milk;eggs;bread;butter;apples;toilet paper;coffee beans;dish soap;bananas;rice;
        two bottles of wine;olive oil;cat food;tomatoes;call the dentist;pay the rent;batteries;
        water the plants;clean the gutters;onions and garlic;orange juice;chicken;salt;flour;
        collect the parcel;book flights;pasta;cheese;toothpaste;light bulbs;paper towels""",
    "validation": """oat yogurt;sandpaper;renew the passport;limes;smoked paprika;dog leash;
        birthday card;fix the fence;rye crackers;sparkling water""",
}


def pick(table: dict[str, str], part: str) -> tuple[str, ...]:
    """The words of one part ("train" or "validation") of a table."""
    return _split(table[part])


@lru_cache(maxsize=256)
def _split(cell: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in cell.split(";"))
