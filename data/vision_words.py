"""Names of things as detectors give them; those of validation with the forms that a caption needs.

No word of validation stands in the training part, nor does a table of the vision handler name it but
where its form follows no rule.
"""

TRAIN = """
person man woman child boy girl baby visitor courier cyclist farmer runner driver
dog cat bird horse cow sheep goat pig fox deer rabbit squirrel duck goose hen chicken swan owl crow fish
frog turtle bee butterfly donkey puppy kitten lamb mouse bear elephant zebra giraffe lion monkey
car truck bus van bicycle motorcycle scooter train tram boat ship helicopter tractor taxi pram trailer
chair table sofa bed bench desk shelf cupboard lamp mirror carpet curtain cushion pillow blanket clock
vase picture_frame candle basket box bag backpack suitcase handbag umbrella hat coat shoe boot glove
scarf tie shirt dress book newspaper letter parcel envelope pen pencil notebook laptop keyboard mouse_pad
TV remote_control phone camera tablet printer speaker headset cable charger battery plug
cup mug glass bottle plate bowl knife fork spoon pan pot kettle toaster microwave oven refrigerator
dishwasher sink tap towel sponge bucket broom mop vacuum_cleaner iron washing_machine
apple banana orange pear peach plum cherry strawberry tomato potato carrot onion cucumber pumpkin egg
sandwich cake cookie doughnut hot_dog loaf_of_bread bunch_of_grapes bowl_of_soup cup_of_tea
tree bush flower rose tulip leaf branch log stone rock hedge fence gate door window wall step ladder
ball kite frisbee skateboard surfboard tennis_racket baseball_bat swing slide seesaw sandbox trampoline
football doll teddy_bear puzzle drum guitar piano violin trumpet flute
hammer saw axe screwdriver wrench nail screw drill rope chain hook key lock wheelbarrow rake shovel hose
watering_can flower_pot lawn_mower mailbox dustbin bin street_lamp traffic_cone stop_sign fire_hydrant
parking_meter bridge tower church house tent shed barn windmill fountain statue flag balloon
water grass snow smoke steam bread cheese rice milk coffee sand mud hay wood luggage furniture
scissors glasses sunglasses trousers jeans binoculars headphones
""".split()

# article and singular/plural; a noun without a plural after "-", one without a singular after "+".
VALIDATION = """
a hedgehog/hedgehogs; an ostrich/ostriches; an otter/otters; a wallaby/wallabies; an antelope/antelopes;
a moose/moose; an octopus/octopuses; a walrus/walruses; a finch/finches; a thrush/thrushes; an ibex/ibexes;
a salmon/salmon; a calf/calves; a wolf/wolves; an ox/oxen; a lynx/lynxes; a canary/canaries; a bison/bison;
a fireman/firemen; a policewoman/policewomen; a schoolchild/schoolchildren; an acrobat/acrobats;
a waitress/waitresses; a nurse/nurses; an usher/ushers; a thief/thieves; a juggler/jugglers; an heir/heirs;
a unicycle/unicycles; a ferry/ferries; an aircraft/aircraft; an excavator/excavators; a hearse/hearses;
an hourglass/hourglasses; a ukulele/ukuleles; an accordion/accordions; a harp/harps; an oboe/oboes;
a wrench set/wrench sets; a toothbrush/toothbrushes; an eyelash/eyelashes; a compass/compasses;
an X-ray/X-rays; a USB stick/USB sticks; an LED strip/LED strips; a PC/PCs; an anvil/anvils;
a euro coin/euro coins; a uniform/uniforms; an urn/urns; an umbrella stand/umbrella stands;
a bookshelf/bookshelves; a penknife/penknives; a cliff/cliffs; a chimney/chimneys; a trolley/trolleys;
a daisy/daisies; a cactus/cacti; a mango/mangos; an avocado/avocados; a radish/radishes; a lychee/lychees;
a box of matches/boxes of matches; a pair of skis/pairs of skis; a jar of honey/jars of honey;
a glass of water/glasses of water; a piece of chalk/pieces of chalk; a police box/police boxes;
an ice cream/ice creams; an igloo/igloos; an arch/arches; a wind chime/wind chimes; a bonfire/bonfires;
a lighthouse/lighthouses; a scarecrow/scarecrows; a birdbath/birdbaths; a totem pole/totem poles;
a snowman/snowmen; a sandcastle/sandcastles; a jellyfish/jellyfish; a chess piece/chess pieces;
a tripod/tripods; a globe/globes; a telescope/telescopes; a barbecue/barbecues; a hammock/hammocks;
a typewriter/typewriters; a gramophone/gramophones; a cassette/cassettes; an abacus/abacuses;
a stethoscope/stethoscopes; a walking stick/walking sticks; a yo-yo/yo-yos; a lens/lenses;
a dartboard/dartboards; an easel/easels; a paintbrush/paintbrushes; a torch/torches; a fez/fezzes;
a hero/heroes; an echo sounder/echo sounders; a quiz book/quiz books; a dwarf tree/dwarf trees;
- porridge; - popcorn; - gravel; - ivy; - scaffolding; - cutlery; - garlic bread; - sawdust;
+ tweezers; + goggles; + pyjamas; + garden shears; + swimming goggles
"""

SCENES = {
    "train": """garden kitchen living_room street beach park front_door driveway garage office field
    bedroom hallway roof balcony bus_stop station road forest playground harbour""".split(),
    "validation": """back_door orchard terrace pier classroom car_park greenhouse lake crossing meadow
    pantry rooftop swimming_pool platform""".split(),
}
TIMES = {
    "train": "night morning evening dawn winter noon day".split(),
    "validation": "dusk afternoon midnight summer sunset autumn".split(),
}
WEATHER = {"train": "rain snow sun wind".split(), "validation": "fog mist storm".split()}
STATES = {
    "train": "open closed empty sleeping dark wet red small old parked running broken".split(),
    "validation": "dirty bright barking wooden unlocked eating rusty folded".split(),
}
