"""Words of stories: who, with what, where. Each table has a training and a validation part.

Things and animals beyond these come from the nouns of :mod:`data.vision_words`, so that a story can be
asked about what no story of training was about.
"""

NAMES = {
    "train": {
        "he": """Tom Ben Max Sam Leo Finn Noah Oscar Theo Hugo Felix Jonas Milo Pip Bruno Rufus Otto Emil
            Jack Toby Henry Alfie Anton Karl Luca Matteo Omar Yusuf Kofi Arun Ravi Ken Hiro Juan Pablo
            Diego Piet Sven Lars Nils Ivan Bobo Biscuit Button Pepper Patch Scout Rusty Bramble""",
        "she": """Mia Anna Lily Emma Lena Nora Ida Ella Rosa Clara Greta Zoe Ruby Hazel Poppy Daisy Alma
            Lotta Maja Sofia Lucia Elena Amira Leila Noor Ama Asha Priya Mei Yuki Hana Carmen Ines Paula
            Freya Astrid Tilly Molly Betty Dora Luna Clover Ginger Olive Willow Pearl Honey Minnie""",
    },
    "validation": {
        "he": "Arlo Casper Edgar Ferdy Gus Ludo Mattis Quentin Rory Tomas Wilbur Zack",
        "she": "Beatrix Cora Delia Edie Flora Gwen Isla Juno Marlene Romy Selma Thea",
    },
}

CHILDREN = {"he": ("boy", "little boy", "prince"), "she": ("girl", "little girl", "princess")}
ADULTS = {
    "he": (
        "farmer",
        "sailor",
        "baker",
        "king",
        "old man",
        "fisherman",
        "wizard",
        "miller",
        "giant",
    ),
    "she": ("farmer", "baker", "queen", "old woman", "gardener", "witch", "shepherd", "painter"),
}

ANIMALS = {
    "train": """dog cat mouse rabbit fox bear hedgehog squirrel duck frog owl pig horse cow sheep goat lamb
        puppy kitten bird hen goose swan crow turtle snail bee ant butterfly fish whale seal penguin
        elephant lion tiger monkey giraffe zebra camel donkey wolf badger mole bat lizard parrot robin
        deer moth spider crab chick foal calf hare dragon robot unicorn ghost fairy troll mermaid
        snowman elf panda koala kangaroo hamster sparrow pigeon beetle worm toad""".split(),
    "validation": """otter beaver raccoon walrus ostrich wallaby flamingo octopus dolphin pony llama
        peacock dormouse dragonfly seagull caterpillar crocodile rhino gnome pirate""".split(),
}

THINGS = {
    "train": """kite ball drum boat bell lantern key map book hat scarf balloon bicycle umbrella violin
        flute whistle basket blanket pillow cake pie apple pear carrot pumpkin cookie acorn nut shell
        stone feather button ribbon mirror clock candle lamp star toy train doll teddy_bear wagon sled
        swing ladder rope bucket spoon pot cup box letter picture pencil crown ring coin boot shoe
        mitten coat flower rose sunflower seed leaf pancake sandwich honey_jar jam_jar snowball egg
        wheel raft paper_boat paper_plane pair_of_glasses piano guitar trumpet puzzle marble spade
        fishing_rod telescope magnet compass suitcase backpack tent chair stool rocking_horse
        red_ball blue_kite golden_key magic_stone wooden_spoon tiny_house green_hat""".split(),
    "validation": """torch harp hammock sandcastle tambourine globe teapot
        parachute accordion snow_globe music_box necklace pinwheel lighthouse medal mango
        hot_air_balloon treasure_chest birdhouse jigsaw""".split(),
}

PLACES = {
    "train": """in_the_forest by_the_river on_the_hill in_the_garden on_the_beach in_the_meadow
        near_the_old_mill by_the_pond in_the_park on_the_farm in_the_village behind_the_barn
        under_the_big_oak_tree in_the_field by_the_bridge at_the_market in_the_valley near_the_lake
        on_the_island in_the_snow at_the_edge_of_the_wood""".split(),
    "validation": """by_the_waterfall in_the_orchard on_the_pier in_the_cave near_the_windmill
        on_the_rooftop in_the_castle at_the_harbour in_the_desert""".split(),
}

ADJECTIVES = (
    "little small young brave shy curious clever quiet kind merry lazy cheerful tiny".split()
)


def words(table: dict[str, list[str]], part: str) -> list[str]:
    """The entries of a part, with spaces."""
    return [word.replace("_", " ") for word in table[part]]
