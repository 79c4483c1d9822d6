"""Words that say how quantities hang together, and the constants that a word allows.

Of a word problem only these words reach the model as they are. All others, the names and the things,
become letters (:mod:`handlers.math_view`): what is counted does not matter, and a thing that was
never heard of is no harder than another.
"""

_FUNCTION = """
a an the this that these those some any no each every all both either another other
others one ones same different certain such own much many more most less fewer few least lot
enough extra several several only just even also too very so as than then now still already
again once twice thrice double doubles triple times half third
fourth fifth sixth quarter dozen pair pairs percent
percentage hundred first second last next previous following ago later after before
while when until during since how what where which who if because however but and
or not n't of in on at to into onto from for with without by about over above between
among across through throughout off out up down back away around along per i my you your
he him his himself she her herself it its we they them their
everyone someone there is are was were be been being am 's
has have had having do does did doing done don't doesn't didn't
will would can could should must may let go goes
going went gone get gets getting got come comes came coming take takes taking
took taken put puts putting keep keeps kept use uses used using need needs needed
want wants wanted like likes try start starts started starting begin
beginning end ends ended finish finishes finished stop
remain remained remaining remainder leave leaves left stay stayed rest altogether
total sum combined together overall entire whole initially originally
original beginning finally final currently current
equal equally evenly exactly average difference
number amount many value share shares shared
"""
_CHANGE = """
buy buys bought buying purchase purchases purchased sell sells sold selling sale sales give gives gave
given receive receives received find finds found lose loses lost eat
eats ate eaten eating drink drinks drank make makes made making bake bakes baked baking cook
cooked pick picks picked picking collect collects collected collecting gather gathered
harvest harvested grow grows grew growing plant plants planted planting catch catches caught
win wins won winning earn earns earned save saves saved saving savings spend spends spent
spending pay pays paid paying cost costs charge charges charged borrowed
lent loan return returns returned returning add adds added adding remove removes removed
throw throws threw thrown break breaks broke broken died drops dropped
fall fell join joined arrive arrives arrived entered send sent
bring brings brought carry carried donate donates donated stolen
traded order orders ordered deliver delivers delivered serve served use
fill fills filled filling empty put place places placed set sets
store pack packs packed arranged organized divide divided
divides split splits cut cuts cutting stack
sit hold holds holding held fit fits contain contains contained contain
containing included including build built building write
writes wrote read reads reading paint paints painted play plays played
solve answer answered score scores scored run runs ran running walk walks walked walking drive
drives drove driving travel travels traveled fly flew ride rides rode ride swim swam jump
jumped climb work works worked working study studied sleep slept wash washed clean
cleaned increase increases increased raise raised
grew show see saw count counts counted measured weigh weighs weighed
torn spilled miss missed
own owns owned decide decides decided plan plans planned invited
visit visits attend attended come complete produce produces produced
load deleted uploaded born
open opened turn turned move moved moves hand handed offered
lift hired
feed
rent tip
pop cracked spoiled rotten replace
"""
_RELATION = """
more fewer less longer shorter taller older younger heavier farther further faster
higher smaller cheaper long short tall old heavy far
fast high deep wide big large small expensive new full empty
most
group groups set row rows stack stacks pile piles box boxes bag bags basket baskets
packet packets package packages pack container containers jar jars bottle bottles
case cases crate crates carton cartons tray trays shelf shelves page pages table tables plates
bunch bunches bucket buckets cup cups tank tanks piece pieces slice slices part parts
section sections team teams class classes room rooms floor floors house houses car cars bus buses
van truck trucks seat seats cage cages bowl bowls album albums drawer drawers roll rolls
batch batches level round trip trips stop side sides item items units
kinds type types ticket tickets laps steps game games point points
dollar dollars cents penny pennies nickels dimes quarters bill bills coins
money change price bank cash worth discount tax taxes fee profit rate interest
budget salary allowance bonus regular
second seconds minute minutes hour hours day days week weeks weekend weekends month months year years
daily monthly today yesterday tomorrow morning afternoon evening night
noon monday tuesday wednesday thursday friday saturday sunday january february march april
june july august september november weekdays season age ages birthday
inch inches foot feet yard yards mile miles meter meters centimeters
kilometers km cm m ft kg grams kilogram kilograms pound pounds ounce ounces
tons gallon gallons liter liters ml degrees mph speed
distance length width height weight area perimeter square rectangle rectangular
volume way temperature
people person man men women boy boys girl girls child children kids student students
friend friends adult adults member members male female guests visitors
passengers player players workers family brother brothers sister mother
father mom dad parents son daughter teacher wife uncle aunt cousin neighbor grandmother
customer customers
animal animals legs wheels
ratio fraction even
mr mrs ms
already apiece respectively instead except additional
it's he's she's they're what's
assuming calculate figure knows said
answer question
leftover spare broken
always normally
inside outside top bottom front end middle
afford home time everything single met sorted missing quit forgot skipped party trip playing shopping
thinks multiplies
"""
KEPT = frozenset(_FUNCTION.split()) | frozenset(_CHANGE.split()) | frozenset(_RELATION.split())
"""Lower-case words that reach the model."""

TOLD = (frozenset(_CHANGE.split()) | frozenset(_RELATION.split())) - frozenset(
    "more fewer less longer shorter older younger percent dollars cents minutes hours days weeks".split()
)
"""Those that tell of what happens and of what is counted; a problem may often be solved without one of them."""

ALWAYS = (1, 2)
"""Constants that any problem may need."""

_WORDS_TO_CONSTANTS = {
    "thrice triple tripled triples third thirds triangle yard yards three-quarters": (3,),
    "quarter quarters fourth fourths square squares gallon gallons season seasons": (4,),
    "fifth fifths nickel nickels": (5,),
    "sixth sixths": (6,),
    "weekday weekdays": (5,),
    "week weeks weekly": (7, 52),
    "daily": (7,),
    "eighth eighths": (8,),
    "tenth tenths dime dimes": (10,),
    "dozen dozens foot feet inch inches": (12,),
    "year years yearly annual annually": (12, 52, 365),
    "month months monthly": (12, 30, 4),
    "day days": (24, 7),
    "hour hours minute minutes second seconds": (60,),
    "percent percentage dollar dollars cent cents money": (100,),
    "ounce ounces pound pounds": (16,),
    "meter meters metre metres centimeter centimeters": (100,),
    "kilometer kilometers gram grams kilogram kilograms kg liter liters ton tons": (1000,),
    "quarters": (25,),
    "average averages mean": (3, 4, 5),
    "legs": (4,),
}
CONSTANTS: dict[str, tuple[int, ...]] = {}
"""Word -> constants that an expression may use where it stands in the text."""
for _words, _values in _WORDS_TO_CONSTANTS.items():
    for _word in _words.split():
        CONSTANTS[_word] = CONSTANTS.get(_word, ()) + _values
del _words, _word, _values
