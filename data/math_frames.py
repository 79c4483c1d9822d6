"""Short stories in many wordings, each with numbers that only some of its questions need.

An entry has its sentences apart by ``//``, its numbers by name as in :mod:`data.math_unseen`, and questions
with the expressions that answer them. For each word that could give an operation away there are entries
where it goes with another.
"""
# fmt: off

import re

from data.math_trees import Tree
from data.math_unseen import filled
from data.math_world import Tale, World

Entry = tuple[str, str, tuple[tuple[str, Tree], ...]]

_GIVE = "(gave|handed|sent|lent|passed|sold|donated)"
_LOSE = "(lost|ate|used|sold|broke|gave away|threw away|dropped|removed|used up|returned)"
_GAIN = "(bought|found|got|received|won|collected|picked|was given|gathered|made)"
_MORE = "(more|extra|additional|other|new|)"

_FRAMES: tuple[Entry, ...] = (
    ("(after|when) {P} " + _LOSE + " <b> of {his} {O}(,|) {he} (had|was left with|still had) <r> [{O}] [left].", "b 2 60 r 2 60",
     (("how many {O} did {he} have (at first|before that|originally|to begin with|in the beginning)?", ("+", "b", "r")), ("with how many {O} did {P} (start|begin)?", ("+", "b", "r")))),
    ("(after|when) {P} " + _GAIN + " <b> " + _MORE + " {O}(,|) {he} (had|ended up with|counted) <r> [{O}] [in all].", "b 2 60 k 2 60 r =b+k",
     (("how many {O} did {he} have (at first|before that|originally|to begin with|before)?", ("-", "r", "b")), ("with how many {O} did {P} (start|begin)?", ("-", "r", "b")))),
    ("{P} (has|had|needs|wants) <a> {O}. // {Q} (has|had|needs|wants) <b> (fewer|less) {O} than {P}.", "b 2 30 k 2 60 a =b+k",
     (("how many {O} does {Q} have?", ("-", "a", "b")), ("how many {O} do they have (in all|together|altogether)?", ("+", "a", ("-", "a", "b"))))),
    ("{P} (has|had|owns) <a> {O}(, which is|. that is|, that is|.  {he} has) <b> (fewer|less) than {Q} [has].", "a 2 60 b 2 30",
     (("how many {O} does {Q} have?", ("+", "a", "b")),)),
    ("{P} (has|had|owns) <a> {O}(, which is|. that is|, that is|. {he} has) <b> more than {Q} [has].", "b 2 30 k 2 60 a =b+k",
     (("how many {O} does {Q} have?", ("-", "a", "b")),)),
    ("{P} (has|had) <a> {O}. // {Q} (has|had) <b> more [{O}] than {P} [does].", "a 2 60 b 2 30",
     (("how many {O} does {Q} have?", ("+", "a", "b")), ("how many {O} do they have (in all|together|altogether)?", ("+", "a", ("+", "a", "b"))))),
    ("{P} has <a> {X} and <b> {Y}. // {Q} has <c> {X} (fewer|less) than {P} and <d> {Y} more than {P}.", "c 2 20 k 2 40 a =c+k b 2 60 d 2 20",
     (("how many {X} does {Q} have?", ("-", "a", "c")), ("how many {Y} does {Q} have?", ("+", "b", "d")), ("how many {H} does {P} have [in all]?", ("+", "a", "b")))),
    ("{P} has <a> {X} and <b> {Y}. // {he} (" + _LOSE + "|" + _LOSE + ") <c> {X} and <d> {Y}.".replace("((", "("), "c 2 20 k 2 40 a =c+k d 2 20 u 2 40 b =d+u",
     (("how many {X} (are left|does {he} have left|does {P} have now)?", ("-", "a", "c")), ("how many {Y} (are left|does {he} have left|does {P} have now)?", ("-", "b", "d")), ("how many {H} does {he} have left?", ("+", ("-", "a", "c"), ("-", "b", "d"))))),
    ("{P} (baked|made|bought|had|picked) <a> {X} and <b> {Y}. // (if {he} sold <c> {X} and <d> {Y}.|{he} sold <c> {X} and <d> {Y}.)", "c 2 20 k 2 40 a =c+k d 2 20 u 2 40 b =d+u",
     (("how many {X} would {he} (still have|have left)?", ("-", "a", "c")), ("how many more {X} than {Y} did {he} sell?", ("-", "c", "d")), ("how many more {Y} than {X} did {he} (bake|make|buy|have)?", ("-", "b", "a")), ("how many {H} did {he} sell (in all|)?", ("+", "c", "d")))),
    ("there (are|were) <a> {O} (in|at|on) the {L}. // <b> " + _MORE + " {O} (were (added|brought|put there|placed there)|came|arrived|joined them).", "a 2 60 b 2 60",
     (("how many {O} are (there|in the {L}) (now|in all|altogether)?", ("+", "a", "b")),)),
    ("there (are|were) <a> {O} (in|at|on) the {L}. // <b> [of them|{O}] (were (taken|removed|sold|eaten|stolen)|left|went home|fell off|broke).", "b 2 40 k 2 40 a =b+k",
     (("how many {O} are (there|in the {L}) now?", ("-", "a", "b")), ("how many {O} (remain|stayed|are left|were not (taken|sold|eaten)) [in the {L}]?", ("-", "a", "b")))),
    ("some {O} were (in|at|on) the {L}. // <b> " + _MORE + " {O} (were (added|brought)|came|arrived) and (now there are|that made it|then there were) <r> [{O}].", "b 2 40 k 2 40 r =b+k",
     (("how many {O} (were|had been) (in the {L}|there) (at first|before|originally)?", ("-", "r", "b")),)),
    ("some {O} were (in|at|on) the {L}. // <b> {O} (were (taken|removed|sold|eaten)|left|went home) and (now there are|only|there were) <r> [{O}] [left].", "b 2 40 r 2 40",
     (("how many {O} (were|had been) (in the {L}|there) (at first|before|originally)?", ("+", "r", "b")),)),
    ("there (are|were) <a> {O} (in|at|on) the {L}. // (some more|more|other) {O} (were added|came|arrived) (and now there are|. now there are|until there were) <r> [{O}] [in all].", "a 2 40 k 2 40 r =a+k",
     (("how many [more] {O} (were added|came|arrived|joined)?", ("-", "r", "a")),)),
    ("{P} (had|has) <a> {O}. // {Q} " + _GIVE + " (him|her|{him}) some [more]. // now {P} has <r> {O}.", "a 2 40 k 2 40 r =a+k",
     (("how many [{O}] did {Q} (give|hand|send|lend) {him}?", ("-", "r", "a")), ("how many {O} did {P} get from {Q}?", ("-", "r", "a")))),
    ("{P} (had|has) <a> {O}. // {he} " + _GIVE + " some [of them] to {Q}. // {he} has <r> [{O}] left.", "r 2 40 k 2 40 a =r+k",
     (("how many [{O}] did {he} (give|hand|send|lend|sell) [to {Q}]?", ("-", "a", "r")), ("how many {O} did {Q} get?", ("-", "a", "r")))),
    ("{Q} " + _GIVE + " {P} <b> {O}. // (now|then) {P} (has|had) <r> {O}.", "b 2 40 k 2 40 r =b+k",
     (("how many {O} did {P} have (before|at first|in the beginning|before {Q} gave {him} some)?", ("-", "r", "b")),)),
    ("{P} " + _GIVE + " <b> {O} to {Q} (. now {he} has|and has|and kept|, which left {him} with) <r> [{O}].", "b 2 40 r 2 40",
     (("how many {O} did {P} have (before|at first|in the beginning|originally)?", ("+", "b", "r")),)),
    ("{P} has <a> {O} and {Q} has <b> [{O}]. // {P} gave <c> [of {his} {O}] to {Q}.", "c 2 20 k 2 40 a =c+k b 2 60",
     (("how many {O} does {P} have (now|left)?", ("-", "a", "c")), ("how many {O} does {Q} have now?", ("+", "b", "c")), ("how many {O} do they have together?", ("+", "a", "b")))),
    ("{P} (did|made|read|scored|wrote|solved|walked|ran|jumped|counted) <a> {O}. // {Q} (did|made|read|scored|wrote|solved|walked|ran) <b> {O}. // {R} (did|made|read|scored|wrote) <c> {O}.", "a 5 90 b 2 90 c 2 90",
     (("how many more {O} did {P} (do|make|read|score) than {Q}?", ("-", "a", "b")), ("how many more {O} did {R} (do|make|read|score) than {P}?", ("-", "c", "a")), ("how many {O} did {P} and {Q} (do|make|read|score) (together|in all|altogether)?", ("+", "a", "b")), ("how many (fewer|less) {O} did {Q} (do|make|read|score) than {R}?", ("-", "c", "b")))),
    ("{P} (jumped|ran|walked|swam|threw it|drove) <a> (feet|inches|meters|miles). // {Q} (jumped|ran|walked|swam|threw it|drove) <k> (feet|inches|meters|miles) (farther|further|more) than {P}.", "a 5 90 k 2 30",
     (("how (far|much|many feet|long) did {Q} (jump|run|walk|swim|go)?", ("+", "a", "k")), ("how far did both of them go together?", ("+", "a", ("+", "a", "k"))))),
    ("the {o} (jumped|ran|is|measures|weighs) <a> (feet|inches|meters|pounds) [long]. // the {n} (jumped|ran|is|measures|weighs) <b> (feet|inches|meters|pounds).", "b 5 40 k 2 30 a =b+k",
     (("how much (farther|longer|heavier|more|taller|further) (did the {o} jump|is the {o}|did the {o} go) than the {n}?", ("-", "a", "b")), ("how much (less|shorter|lighter) (did the {n} jump|is the {n}) than the {o}?", ("-", "a", "b")))),
    ("(each|every|a|one) {c} of {O} (costs|is|sells for|is sold for) <m> dollars. // (there is a discount of|they take off|you save) <k> dollars on (each|every) {c}.", "k 2 20 u 2 60 m =k+u",
     (("how much (do you have to pay|does one pay|is it) (for|to buy) (each|one|a) {c}?", ("-", "m", "k")),)),
    ("(each|every|a|one) {c} of {O} (costs|is|sells for) <m> dollars. // (if {P} (buys|wants|takes|orders) <n> {C}.|{P} (bought|wants) <n> of them.|{P} has <n> {C}.)", "m 2 40 n 2 20",
     (("how much (does|did|must|will) {he} (pay|have to pay|need|spend) [in all|altogether]?", ("*", "m", "n")), ("what do the {C} cost?", ("*", "m", "n")))),
    ("{P} (paid|spent) <t> dollars (for|on) <n> {C} (of {O}|). // (all cost the same|each cost the same|every {c} has <m> {O}).", "n 2 20 k 2 30 t =n*k m 2 30",
     (("how much (did|does) (each|one|every|a) {c} cost?", ("/", "t", "n")), ("what is the price of (one|a) {c}?", ("/", "t", "n")))),
    ("{P} had <a> dollars. // {he} (spent|paid|used) <b> dollars (for|on) {O} and <c> dollars (for|on) {N}.", "b 2 40 c 2 40 k 2 40 a =b+c+k",
     (("how much (money|) does {he} have left?", ("-", ("-", "a", "b"), "c")), ("how much did {he} spend (in all|altogether|)?", ("+", "b", "c")), ("how much more did {he} spend on {O} than on {N}?", ("-", "b", "c")), ("how much more did {he} spend on {N} than on {O}?", ("-", "c", "b")))),
    ("{P} had <a> dollars. // {he} (bought|got) <n> {O} for <m> dollars (each|apiece|a piece).", "n 2 9 m 2 9 k 2 60 a =n*m+k",
     (("how much [money] (does|did) {he} have left?|what is left of {his} money?".join("()"), ("-", "a", ("*", "n", "m"))), ("how much did the {O} cost [{him}]?", ("*", "n", "m")))),
    ("{P} (spent|used|paid) <b> dollars and (has|had) <r> dollars left. // {he} bought <z> {O}.", "b 2 60 r 2 60 z 2 20",
     (("how much [money] did {he} have (before|at first|in the beginning)?", ("+", "b", "r")),)),
    ("{P} (has|had|owns) <a> {O} (and wants to put them in|, which {he} puts in|that {he} keeps in|to go into) <n> {C} (of the same size|equally|with the same number in each|). // {Q} has <z> {N}.", "n 2 15 k 2 20 a =n*k z 2 30",
     (("how many {O} (go into|should go in|will be in|does {he} put in) (each|a|one|every) {c}?", ("/", "a", "n")),)),
    ("{P} has <z> {C} and <t> {O}. // (each|a|every|one) {c} (can hold|holds|takes|has room for) <m> [{O}].", "m 2 15 k 2 20 t =m*k z 2 40",
     (("how many {C} does {he} need [for {his} {O}]?", ("/", "t", "m")), ("how many {O} (could|can) {he} put into {his} {C}?", ("*", "z", "m")))),
    ("there are <n> {O} (in|on) (each|every|a|one) {c}. // {P} has <k> {C} and {Q} has <u> {C}.", "n 2 20 k 2 20 u 2 20",
     (("how many {O} does {P} have?", ("*", "n", "k")), ("how many {O} does {Q} have?", ("*", "n", "u")), ("how many {O} do they have (in all|together)?", ("*", "n", ("+", "k", "u"))), ("how many {C} do they have (in all|together)?", ("+", "k", "u")))),
    ("(each|every) (student|child|boy|girl|friend|player|person|member) (got|has|brought|needs|ate|made|gets) <m> {O}. // there are <n> (students|children|boys|girls|friends|players|people|members) and <z> {N}.", "m 2 20 n 2 30 z 2 30",
     (("how many {O} (are there|did they get|do they need|is that) (in all|altogether|)?", ("*", "m", "n")),)),
    ("<t> {O} (are|were) (given to|shared by|divided among|handed out to|split among) <n> (students|children|boys|girls|friends|players|people) and <z> {N} were left over.", "n 2 15 k 2 20 t =n*k z 2 30",
     (("how many {O} (does|did) (each|every|one) (of them|student|child|friend|one) (get|receive|have)?", ("/", "t", "n")),)),
    ("there are <n> (boys|men|teachers) and <m> (girls|women|students) (in|at) the (school|club|{L}|team). // <k> more (girls|women|students) (joined|came).", "n 5 90 m 5 90 k 2 40",
     (("how many (girls|women|students) are there now?", ("+", "m", "k")), ("how many (people|children|members) were there (at first|before)?", ("+", "n", "m")), ("how many (people|children|members) are there now?", ("+", ("+", "n", "m"), "k")))),
    ("<t> (people|students|children|members) (are|were) (in|at) the {L}. // <a> of them (are|were) (boys|men|adults) [and the (rest|others) (are|were) (girls|women|kids)]. // <z> {O} were there too.", "a 5 60 k 5 60 t =a+k z 2 30",
     (("how many (girls|women|kids) (are|were) there?", ("-", "t", "a")), ("how many [of them] are not (boys|men|adults)?", ("-", "t", "a")))),
    ("(the|a) (baker|farmer|shop|chef|store) (made|has|had|grew) <a> {O}. // (people bought|customers bought|{he} sold|they sold) <b> of them and (then {he} made|{he} made) <c> more.", "b 2 40 k 2 40 a =b+k c 2 40",
     (("how many {O} (does the (baker|farmer|shop|chef|store) have|are there) now?", ("+", ("-", "a", "b"), "c")), ("how many {O} did {he} (make|have) in all?", ("+", "a", "c")), ("how many {O} were left before {he} made more?", ("-", "a", "b")))),
    ("{P} (has to|must|wants to|needs to|is going to) (make|read|write|do|wash|sell|collect|pack|plant|deliver) <t> {O}. // (so far {he} has done|{he} has (already|) done|{he} did|{he} finished) <a> [of them] [and {Q} has done <z>].", "a 5 60 k 5 60 t =a+k z 2 30",
     (("how many [more] {O} (does {he} (still have|have) to do|are left to do|must {he} still do|remain)?", ("-", "t", "a")),)),
    ("{P} (works|reads|runs|swims|plays|practices|walks) <m> (hours|pages|miles|minutes|laps) (a|each|every|per) day. // {he} (does|did|has done) (so|this|that) for <n> days [and has <z> {O}].", "m 2 30 n 2 30 z 2 30",
     (("how (many (hours|pages|miles|minutes|laps) is that|much is that|many did {he} do) (in all|altogether|)?", ("*", "m", "n")),)),
    ("{P} (works|reads|runs|swims|walks) <m> (hours|pages|miles|laps) (a|each|every|per) day. // the (book|job|way|course) (has|is|takes) <t> (hours|pages|miles|laps).", "m 2 15 k 2 20 t =m*k",
     (("(how many days does {he} need|in how many days will {he} be done|how long will it take {him})?", ("/", "t", "m")),)),
    ("{P} (read|did|ran|wrote|made) <t> (pages|miles|{O}) in <n> days, the same number (each|every) day. // {Q} did <z>.", "n 2 15 k 2 20 t =n*k z 5 60",
     (("how many (pages|miles|{O}) is that (a|per|each|every) day?", ("/", "t", "n")),)),
    ("{P} (read|did|ran|made|picked|sold) <a> {O} on {D1}(,| and) <b> on {D2} and <c> on {D3}.", "a 5 90 b 5 90 c 5 90",
     (("how many {O} is that [in all]?", ("+", ("+", "a", "b"), "c")), ("how many {O} did {he} do on {D1} and {D3} [together]?", ("+", "a", "c")), ("how many more did {he} do on {D2} than on {D1}?", ("-", "b", "a")), ("how many (fewer|less) did {he} do on {D3} than on {D2}?", ("-", "b", "c")))),
    ("{P} (has|had) <a> {O}(, and|. {he} has) <k> times as many {N} [as {O}].", "a 2 30 k 2 9",
     (("how many {N} does {P} have?", ("*", "a", "k")), ("how many (things|{N} and {O}|items) does {he} have (in all|together)?", ("+", "a", ("*", "a", "k"))), ("how many more {N} than {O} does {he} have?", ("-", ("*", "a", "k"), "a")))),
    ("{P} (has|had) <a> {O}(, which is|. that is|, that is) <k> times as many as {Q} [has].", "k 2 9 u 2 20 a =k*u",
     (("how many {O} does {Q} have?", ("/", "a", "k")),)),
    ("{P} has <n> {C} (with|of) <m> {O} (each|in each [one]|inside each). // {he} (" + _LOSE[1:-1] + ") <c> {O}.", "n 2 15 m 3 20 c 2 6",
     (("how many {O} (does {he} have left|are left|remain)?", ("-", ("*", "n", "m"), "c")), ("how many {O} (were there|did {he} have) (at first|before)?", ("*", "n", "m")))),
    ("{P} has <n> {C} (with|of) <m> {O} (each|in each [one]) and <c> (single|loose|other|more) {O}.", "n 2 15 m 3 20 c 2 30",
     (("how many {O} does {he} have (in all|altogether|)?", ("+", ("*", "n", "m"), "c")), ("how many {O} are in the {C}?", ("*", "n", "m")))),
    ("{P} (picked|found|made|bought) <a> {O} and {Q} (picked|found|made|bought) <b>. // (only <c> were good|<c> of them were bad|<c> of the {O} broke).", "a 12 60 b 12 60 c 2 20",
     (("how many {O} did they have (together|in all) [at first]?", ("+", "a", "b")),)),
    ("{P} (picked|found|made|bought) <a> {O} and {Q} (picked|found|made|bought) <b>. // <c> [of them|of the {O}] (were bad|broke|did not work|were lost|were eaten).", "a 12 60 b 12 60 c 2 20",
     (("how many good {O} (were there|did they have|are left)?", ("-", ("+", "a", "b"), "c")), ("how many {O} are still there?", ("-", ("+", "a", "b"), "c")))),
    ("{P} (picked|found|made|had|bought) <a> {X} and <b> {Y}. // {he} only used <c> of (them|the {H}).", "a 12 60 b 12 60 c 2 20",
     (("how many (extra|unused|other) {H} (were there|did {he} have|are left)?", ("-", ("+", "a", "b"), "c")),)),
    ("(for every|each time|for each) <m> {O} (they|{P}) (sold|recycled|collected|brought|returned)(,|) (they|{he}) (earned|got|received) (one|a) {n}. // {P} (sold|recycled|collected) <a> and {Q} <b> [{O}].", "m 2 9 k 2 9 u 1 8 a =m*k b =m*u",
     (("how many {N} did they (earn|get|receive)?", ("/", ("+", "a", "b"), "m")),)),
    ("(for every|each time|for each) {o} (they|{P}) (sold|returned|brought)(,|) (they|{he}) (earned|got) <m> (points|dollars). // {he} had <a> {O} and (kept|forgot|lost|did not sell) <b> of them.", "m 2 9 b 2 9 k 2 20 a =b+k",
     (("how many (points|dollars) did {he} (earn|get|make)?|how much did {he} get?".join("()"), ("*", "m", ("-", "a", "b"))),)),
    ("{P} and {his} friends have <t> {O} (together|in all). // {P} has <a> and the others have <m> each.", "m 2 9 k 2 9 a 3 40 t =m*k+a",
     (("how many friends does {P} have?", ("/", ("-", "t", "a"), "m")), ("how many {O} do {his} friends have?", ("-", "t", "a")))),
    ("{P} has <a> {O}. // {he} needs <n> {C} with <m> {O} each.", "a 3 15 n 4 9 m 4 20",
     (("how many [more] {O} does {he} (still need|need|have to buy)?", ("-", ("*", "n", "m"), "a")),)),
    ("{P} is <a> years old. // {Q} is <b> years (older|younger) than {R} and <k> years older than {P}.", "a 5 60 b 2 30 k 2 30",
     (("how old is {Q}?", ("+", "a", "k")),)),
    ("in {M1} {P} (was|weighed|had) <a> (inches|pounds|dollars|points). // in {M2} it was <b>(,| and) in {M3} <c>.", "a 2 60 k 2 30 b =a+k u 2 30 c =b+u",
     (("(how much|by how much) (was|is) (the|that) (gain|increase|change) from {M1} to {M2}?", ("-", "b", "a")), ("how much more was it in {M3} than in {M1}?", ("-", "c", "a")), ("how much did it (increase|grow|rise) from {M2} to {M3}?", ("-", "c", "b")))),
    ("(a|the) (train|bus|boat|elevator|plane) (carried|had) <a> (people|passengers). // at the (stop|station|next stop) <b> (people|passengers) (got off|left) and <c> (got on|came in|entered).", "b 2 20 k 2 40 a =b+k c 2 40",
     (("how many (people|passengers) are on (it|the train|the bus) now?", ("+", ("-", "a", "b"), "c")), ("how many (more|) (people|passengers) (are there now than before)?", ("-", "c", "b")))),
    ("{P} had <a> {X}, <b> {Y} and <c> {Z}. // {Q} has <z> {X}.", "a 5 60 b 5 60 c 5 60 z 2 40",
     (("how many {X} do they have (in all|together)?", ("+", "a", "z")), ("how many more {X} than {Y} does {P} have?", ("-", "a", "b")), ("how many {Y} and {Z} are there?", ("+", "b", "c")), ("how many more {Z} than {Y} does {P} have?", ("-", "c", "b")), ("how many more {X} does {P} have than {Q}?", ("-", "a", "z")))),
    ("{P} (bought|has|sold|used) <t> {O} (that come|that came|which come|) in {C} of <m> [each]. // (a|each) {c} costs <z> dollars.", "m 2 15 k 2 30 t =m*k z 2 30",
     (("how many {C} (did {he} (buy|sell|use)|is that|are there)?", ("/", "t", "m")),)),
    ("there are <t> {O} (in|at) the {L}. // they (are|were) (arranged|placed|put|organized|kept) (on|in) {C} (of|that hold|which hold|with) <m> [{O}] (each|)  [and there are <z> {N}].", "m 2 15 k 2 30 t =m*k z 2 30",
     (("how many {C} are (there|needed)?", ("/", "t", "m")),)),
    ("(a|each|every|one) {c} (holds|has|can hold|contains) <m> {O}. // (a|each|every|the) {d} (holds|has|can hold|takes|can fit) <n> {C}.", "m 2 30 n 2 30",
     (("how many [total] {O} (are|can fit|fit) (in|on) (a|the|each) {d}?", ("*", "m", "n")),)),
    ("there are <n> (rows|tables|shelves|teams|classes|groups|pages) (in|at) the {L}. // (each|every) (row|table|shelf|team|class|group|page) has <m> {X} and <k> {Y}.", "n 2 20 m 2 30 k 2 30",
     (("how many {H} are there (in all|altogether|total|)?", ("*", "n", ("+", "m", "k"))), ("how many {X} are there [in all]?", ("*", "n", "m")), ("how many {Y} are there [in all]?", ("*", "n", "k")), ("how many (more|) {X} than {Y} are there?", ("*", "n", ("-", "m", "k"))))),
    ("{P} (wants|needs|has) to (make|buy|get|find|save|earn) <t> (dollars|{O}|points). // {he} (already|) (has|got|found|saved|made) <a> [and {Q} has <z>].", "a 5 60 k 5 60 t =a+k z 2 30",
     (("how (many|much) more does {he} (still|) need?", ("-", "t", "a")), ("how (many|much) does {he} still (have to get|lack)?", ("-", "t", "a")))),
    ("{P} wanted to (buy|make|do|see|pick) <z> {O} but (only|) (bought|made|did|saw|picked) <a>. // {Q} (bought|made|did|saw|picked) <b>.", "z 40 90 a 5 39 b 5 39",
     (("how many {O} did they (buy|make|do|see|pick) (in all|together)?", ("+", "a", "b")), ("how many more did {P} want to (buy|make|do|see|pick)?", ("-", "z", "a")))),
    ("{P} and {Q} (have|had|found|made) <t> {O} (together|in all|between them). // <a> of (them|the {O}) (are|were|belong to) {P} 's.", "a 5 60 k 5 60 t =a+k",
     (("how many {O} (are|were) {Q} 's?", ("-", "t", "a")), ("how many {O} does {Q} have?", ("-", "t", "a")))),
    ("<t> {O} (are|were) in the {c}. // <a> of them are {X}, <b> are {Y} and (the rest|the others|all others) are {Z}.", "a 5 40 b 5 40 k 5 40 t =a+b+k",
     (("how many (are|of them are) {Z}?|how many {Z} are there?".join("()"), ("-", ("-", "t", "a"), "b")), ("how many {X} and {Y} are there?", ("+", "a", "b")), ("how many are not {X}?", ("-", "t", "a")), ("how many are not {Y}?", ("-", "t", "b")))),
    ("{P} is <a> years old. // {he} (has|owns) <z> {O}.", "a 5 60 k 2 30 z 2 30",
     (("how old (will {he} be|is {he} going to be) <k> years from now?", ("+", "a", "k")), ("how old will {he} be in <k> years?", ("+", "a", "k")), ("how old was {he} <k> years ago?", ("-", "a", "k")))),
    ("{P} (bought|sold|got) <n> {O} (for|at) <m> dollars each and <b> {N} (for|at) <k> dollars each.", "n 2 12 m 2 20 b 2 12 k 2 20",
     (("how much (did|does) {he} (pay|spend|get) (in all|altogether|)?", ("+", ("*", "n", "m"), ("*", "b", "k"))), ("how much (were|are) the {N}?", ("*", "b", "k")), ("how much (were|are) the {O}?", ("*", "n", "m")), ("how much more did {he} (pay|spend|get) for the {O}?", ("-", ("*", "n", "m"), ("*", "b", "k"))), ("how many things did {he} (buy|sell|get)?", ("+", "n", "b")))),
    ("(a|one|each) {o} costs <m> dollars and (a|one|each) {n} costs <k> dollars. // {P} (bought|wants|takes) <n> {O} [and has <z> dollars].", "n 2 12 m 2 20 k 2 20 z 50 200",
     (("how much (will|must|did|does) {he} (pay|spend|need)?", ("*", "n", "m")), ("how much more (is|does) a {o} [cost] than a {n}?", ("-", "m", "k")), ("how much do a {o} and a {n} cost (together|)?", ("+", "m", "k")))),
    ("(it takes|{P} needs|you need) <m> (minutes|hours|cups|{N}|dollars) (for|to make|to do|to paint) (one|a|each) {o}. // {he} (has|wants|needs|must do) <n> {O} [and has (done|made) <k> already].", "m 2 20 k 2 9 u 2 20 n =k+u",
     (("how (long|many|much) (will it take|does {he} need|will {he} need) (for all of them|for all the {O}|in all)?", ("*", "m", "n")),)),
    ("(it takes|{P} needs) <m> (minutes|hours|cups|{N}|dollars) (for|to make|to do|to paint) (one|a|each) {o}. // {he} (has|wants|needs|must do) <n> {O} and has (done|made|finished) <k> (already|of them).", "m 2 20 k 2 9 u 2 20 n =k+u",
     (("how (long|many|much) (more|longer) (will it take|does {he} need|will {he} need) (for the (rest|others)|)?", ("*", "m", ("-", "n", "k"))), ("how many {O} are left to (do|make)?", ("-", "n", "k")))),
    ("{P} (can|could) (make|do|pick|read|type|run|walk) <m> {O} (in|per|every|each) (an hour|a minute|one hour|hour|minute).", "m 2 40 n 2 20",
     (("how many [{O}] (can|could) {he} (make|do|pick|read|type) in <n> (hours|minutes)?", ("*", "m", "n")),)),
    ("{P} (can|could) (make|do|pick|read) <m> {O} (in|per|every|each) (an hour|a minute|one hour|hour|minute).", "m 2 20 k 2 30 t =m*k",
     (("how (many (hours|minutes) does {he} need|long does it take {him}|long will it take {him}) (to|until {he} can) (make|do|pick|read) <t> {O}?", ("/", "t", "m")),)),
    ("{P} had <a> {X} and <b> {Y}. // {he} (bought|found|got|was given) <c> more {X} and " + _LOSE + " <d> {Y}.", "a 2 60 c 2 30 d 2 20 u 2 40 b =d+u",
     (("how many {X} does {he} have now?", ("+", "a", "c")), ("how many {Y} (does {he} have (now|left)|are left)?", ("-", "b", "d")), ("how many {H} did {he} have (before|at first)?", ("+", "a", "b")))),
    ("{P} (deleted|removed|threw away|sold|lost) <b> {O} and (added|bought|got|found|made) <c> (new ones|others|more). // {he} had <a> (before|at first|in the beginning).", "b 2 30 k 2 40 a =b+k c 2 40",
     (("how many {O} does {he} have now?", ("+", ("-", "a", "b"), "c")),)),
    ("{P} had <a> {O}. // (if {he} threw away|{he} sold|{he} deleted|if {he} lost) <b> [of them] and (bought|then added|then got|found) <c> (new ones|more).", "b 2 30 k 2 40 a =b+k c 2 40",
     (("how many {O} (would|does|did) {he} have [then|in the end]?", ("+", ("-", "a", "b"), "c")),)),
    ("{P} (shares|shared|divided|split) {his} {O} (among|between|with) <n> friends [equally]. // (each|every) friend (got|gets|received) <m> [{O}] [and {he} kept <k>].", "n 2 15 m 2 20 k 2 30",
     (("how many {O} did {he} (share|give away|divide)?", ("*", "n", "m")), ("how many {O} did {his} friends get (in all|together)?", ("*", "n", "m")))),
    ("{P} gave (each|every one) of {his} <n> friends <m> {O} and (had|has|kept) <k> [left].", "n 2 15 m 2 20 k 2 30",
     (("how many {O} did {he} have (at first|before|in the beginning)?", ("+", ("*", "n", "m"), "k")), ("how many {O} did {he} give away?", ("*", "n", "m")))),
    ("(the|a) {o} (is|was|costs|has) <a> dollars. // {P} has (only|) <b> dollars and {Q} has <z>.", "b 2 60 k 2 40 a =b+k z 2 40",
     (("how much more [money] does {P} need [to buy it]?", ("-", "a", "b")), ("how much (money|) do {P} and {Q} have together?", ("+", "b", "z")))),
    ("a {o} (that (cost|was)|which was|first priced at) <a> dollars (now costs|is now|is sold for|is on sale for) <b> dollars.", "b 2 60 k 2 40 a =b+k",
     (("how much (do you save|cheaper is it|less is it|did the price (drop|fall))?|by how much did the price drop?|how much is the discount?".join("()"), ("-", "a", "b")),)),
    ("{P} (had|has) <n> {C}. // (each|every one) had <m> {O}. // (after|when) {he} " + _LOSE + " some {O} {he} had <r> left.", "n 2 12 m 3 15 r 2 5",
     (("how many {O} did {he} (lose|eat|use|sell)?|how many {O} are gone?".join("()"), ("-", ("*", "n", "m"), "r")), ("how many {O} did {he} have at first?", ("*", "n", "m")))),
    ("{P} (has|had) <a> {O} and <b> {N}. // (if|) {Q} has <k> times as many {O} as {P} and <z> {N}.", "a 2 30 b 2 40 k 2 9 z 2 40",
     (("how many {O} does {Q} have?", ("*", "a", "k")), ("how many {N} do they have (together|in all)?", ("+", "b", "z")), ("how many more {N} does {Q} have than {P}?", ("-", "z", "b")))),
)


_OF_ALL = re.compile(r"together|in all|\b(?:they|there|are)\b")


def frame(world: World) -> Tale:
    """One of the stories with its questions."""
    story, ranges, asks = world.rng.choice(_FRAMES)
    filled(world, ranges.split(), world.rng)
    z = world.rng.randint(2, 60)
    world.fix("y", z)
    asides = ["{Q} has <y> {N}.", "{he} also (has|bought|saw|made) <y> {N}.", "there are <y> {N} (in|at) the {M}.",
              "<y> (people|{N}|friends) were (there|with {him}).", "each {n} has <y> {D}.", "the {N} cost <y> dollars.", "(it took|{he} was there for) <y> (minutes|hours|days)."]
    own = tuple(ask for ask in asks if not _OF_ALL.search(ask[0]))
    if own and world.chance(0.2):
        # The same things in other hands; they count where all are asked for.
        asides, asks = ["{R} (has|had|wants|made|bought) <y> {O}."], own
    return world.tale(story.split(" // "), list(asks), asides=asides, loose=world.chance(0.3))


FRAMES = (frame,)
"""Tellers of these stories."""
