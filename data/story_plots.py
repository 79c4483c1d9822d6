"""Plots of short stories: each a sequence of beats, each beat in several wordings that fit all others.

Slots: {Name} the hero, {kind} and {akind} what the hero is, {he}, {him}, {his}; {Friend}, {fkind}, {afkind},
{fhe}, {fhim}, {fhis} of the second one; {thing} and {athing}; {place}. A capital makes a capital: {He}.
"""

Beat = tuple[str, ...]

OPENINGS: Beat = (
    "Once upon a time there was {akind} named {Name}. {He} lived {place}.",
    "There was once {akind} called {Name}, who lived {place}.",
    "{Name} was {akind}. {He} lived {place} and knew every path there.",
    "Long ago, {place}, there lived {akind} whose name was {Name}.",
    "In a small house {place} lived {akind}. {His} name was {Name}.",
    "{Akind} named {Name} lived {place}.",
    "Far away, {place}, {akind} had a home. Everybody called {him} {Name}.",
)

LOST: tuple[Beat, ...] = (
    (
        "{Name} had {athing}, and {he} loved it more than anything.",
        "The best thing {he} had was {athing}.",
        "{He} owned {athing} and took it along wherever {he} went.",
        "For {his} birthday {he} had got {athing}, and {he} was very proud of it.",
    ),
    (
        "One morning the {thing} was gone.",
        "One windy day {he} looked around, and the {thing} was not there.",
        "But one evening, when {he} came home, the {thing} was missing.",
        "Then, on a rainy day, {he} could not find the {thing}.",
    ),
    (
        "{Name} looked under the bed and behind the door, but it was nowhere.",
        "{He} searched the house from top to bottom. There was no {thing}.",
        '"Where can it be?" said {Name}, and {he} began to cry.',
        "{He} looked here and {he} looked there, and {his} heart grew heavy.",
    ),
    (
        'Just then {afkind} called {Friend} came by. "Why are you so sad?" asked {Friend}.',
        'On the road {he} met {afkind}. {Fhis} name was {Friend}. "I will help you," said {Friend}.',
        "{Friend}, {afkind} who lived next door, heard {him} and came over to help.",
        "Along came {afkind} named {Friend}, who had very good eyes.",
    ),
    (
        '"When did you see your {thing} last?" asked {Friend}. {Name} thought hard. "At the well!" {he} said.',
        "Together they went back the way {Name} had come, step by step.",
        "They asked everyone they met, and they looked into every bush.",
        "{Friend} did not give up. {Fhe} looked in all the places where nobody looks.",
    ),
    (
        "And there, in the tall grass, lay the {thing}!",
        "At last they found the {thing} beside the old well.",
        "Behind a big stone they found the {thing}. It was a little wet, but it was whole.",
        '"Look!" cried {Friend}. The {thing} was hanging from a low branch.',
    ),
    (
        "{Name} hugged {Friend}, and from that day on they were friends.",
        '"Thank you," said {Name}. "Without you I would never have found it." And they shared a piece of cake.',
        "{Name} was so happy that {he} danced all the way home, and {Friend} danced too.",
        "After that {Name} let {Friend} have the {thing} every second day, because a joy is bigger for two.",
    ),
)

WISH: tuple[Beat, ...] = (
    (
        "{Name} wished for one thing only: {athing}.",
        "More than anything in the world {he} wanted {athing}.",
        "Every night {he} dreamed of {athing}.",
        "{He} had a wish. {He} wanted {athing} of {his} own.",
    ),
    (
        "But {he} had no money, and nobody gave {him} one.",
        "But there was none {place}, and the shop was far away.",
        '"That costs too much," said everyone whom {he} asked.',
        "{He} tried to make one, but it fell to pieces.",
    ),
    (
        "One day {he} met {afkind} named {Friend}, who was carrying a heavy sack.",
        "Then {he} saw {afkind} who had fallen into a ditch. {Fhis} name was {Friend}.",
        "On the way to the village {he} heard somebody call for help. It was {Friend}, {afkind}.",
        "One cold day {afkind} called {Friend} knocked at the door and asked for some soup.",
    ),
    (
        "{Name} did not think twice. {He} helped {fhim} as well as {he} could.",
        '"Wait, I will help you," said {Name}, and {he} did.',
        "{Name} was tired, but {he} helped all the same.",
        "{He} gave {fhim} {his} hand and all the bread that {he} had.",
    ),
    (
        '"You are kind," said {Friend}. "Tell me, what do you wish for?"',
        '"How can I thank you?" asked {Friend}.',
        "{Friend} smiled. {Fhe} asked {him} what {he} would like best.",
        '"Nobody has ever been so good to me," said {Friend}. "What can I give you?"',
    ),
    (
        '"{Athing}," whispered {Name}. And {Friend} pulled {athing} out of {fhis} bag!',
        "{Name} told {fhim} of {his} wish. The next morning {athing} stood before the door.",
        '{Name} said, "I only ever wanted {athing}." {Friend} laughed, for {fhe} had {athing} at home that nobody used.',
        "So {Name} told {fhim}. Together they made {athing}, and it was the finest of all.",
    ),
    (
        "{Name} had {his} wish, and a friend as well.",
        "That night {Name} fell asleep with the {thing} beside {him} and a smile on {his} face.",
        "And {Name} learned that those who help others are often helped themselves.",
        "From then on the two of them shared the {thing} and were never lonely.",
    ),
)

FOUND: tuple[Beat, ...] = (
    (
        "One day {Name} found {athing} lying on the path.",
        "On a sunny morning {he} stumbled over something. It was {athing}.",
        "One afternoon, when {he} was out for a walk, {he} saw {athing} in the grass.",
        "After the storm {athing} lay in front of {his} door.",
    ),
    (
        '"Whose {thing} is this?" {he} wondered.',
        "{He} would have loved to keep it. But it was not {his}.",
        '"What a fine {thing}!" {he} said. "Somebody must be looking for it."',
        "{He} picked the {thing} up and turned it round and round. There was no name on it.",
    ),
    (
        "So {he} went from door to door and asked. Nobody knew the {thing}.",
        "First {he} asked the baker, but the baker shook his head. Then {he} asked the miller, who had never seen it.",
        "{He} hung up a note that said: I have found {athing}.",
        "{He} walked a long way and asked everybody whom {he} met.",
    ),
    (
        "At the end of the road sat {afkind}, crying. It was {Friend}.",
        "In the evening {he} came to a little house where {afkind} named {Friend} lived. {Fhe} looked very sad.",
        "Then {afkind} came running. {Fhis} name was {Friend}, and {fhe} was out of breath.",
        "At last {he} met {Friend}, {afkind} who was looking for something under every leaf.",
    ),
    (
        '"Is this yours?" asked {Name}, and {Friend} jumped for joy.',
        '"My {thing}!" cried {Friend}. "I thought that I would never see it again."',
        "When {Friend} saw the {thing}, {fhe} laughed and cried at once.",
        "{Name} held out the {thing}. {Friend} could not say a word for happiness.",
    ),
    (
        "{Friend} made tea, and they sat together until the moon came up.",
        '"You could have kept it," said {Friend}. "But you did not. Will you be my friend?"',
        "To say thank you, {Friend} showed {him} how to use the {thing}.",
        "{Friend} gave {him} a warm pancake, and they talked like old friends.",
    ),
    (
        "{Name} walked home under the stars. {He} had given the {thing} away and felt richer than before.",
        "After that they met every day and played with the {thing} together.",
        "And whenever {Name} finds something now, {he} knows what to do.",
        "That was the day on which {Name} found more than {athing}. {He} found a friend.",
    ),
)

AFRAID: tuple[Beat, ...] = (
    (
        "{Name} was afraid of the dark.",
        "There was one thing that {he} feared, and that was thunder.",
        "{He} was afraid of deep water and never went near the river.",
        "At night, when the wind howled, {Name} hid under {his} blanket.",
    ),
    (
        "{His} friend {Friend}, {afkind}, wanted to help {him}.",
        '{Friend} was {afkind} and not afraid of anything. "Come with me," said {Friend}.',
        "One evening {afkind} named {Friend} came to visit.",
        '"I was like you once," said {Friend}, {afkind} who lived near by.',
    ),
    (
        '"Take this {thing}," said {Friend}. "It will make you brave."',
        "{Friend} gave {him} {athing} and told {him} to hold it tight.",
        '{Fhe} had brought {athing}. "Whoever holds it is not alone," said {Friend}.',
        '"This {thing} has always helped me," said {Friend}. "Now it is yours."',
    ),
    (
        "That very night {Friend} did not come home, and {Name} knew that {he} must go and look for {fhim}.",
        "The next day a storm came up, and {Friend} was out there all alone.",
        "Not long after, {Name} heard a cry. {Friend} had fallen into a hole and could not get out.",
        "Then one night somebody called for help. It was {Friend}!",
    ),
    (
        "{Name} took the {thing}. {His} knees shook, but {he} went.",
        "{He} pressed the {thing} to {his} heart and ran out into the night.",
        '"I can do it," {he} said to the {thing}. Step by step {he} went on.',
        "{He} wanted to hide. But then {he} looked at the {thing} and was ashamed, and {he} set out.",
    ),
    (
        "{He} found {Friend} behind the hill and brought {fhim} safely home.",
        "{He} pulled with all {his} might, and {Friend} was free.",
        "Soon {he} heard {fhis} voice, and before long they were sitting by a warm fire.",
        "{He} reached {Friend} just in time and led {fhim} back by the hand.",
    ),
    (
        '"That was a wonderful {thing}," said {Name}. "No," said {Friend}. "That was you."',
        '"The {thing} is quite an ordinary {thing}," said {Friend}. "The courage was your own."',
        "From then on {Name} was still afraid at times, but {he} knew that {he} could be brave as well.",
        "And {Name} slept well that night, with the {thing} on the chair beside {him}.",
    ),
)

SHARING: tuple[Beat, ...] = (
    (
        "{Name} had a friend, {afkind} named {Friend}. One day they found {athing}.",
        "Next door lived {Friend}, {afkind}. Between their two houses stood {athing}.",
        "One day {Name} and {afkind} called {Friend} both saw {athing} at the same time.",
        "{His} best friend was {Friend}, {afkind}. On a holiday the two were given {athing}.",
    ),
    (
        '"It is mine!" said {Name}. "No, mine!" said {Friend}.',
        "Both of them wanted the {thing}, and neither would let go.",
        '"I saw it first," said {Friend}. "But I touched it first," said {Name}.',
        "{Name} pulled at one side, and {Friend} pulled at the other.",
    ),
    (
        "They shouted so loudly that the birds flew up.",
        "They would not speak to each other all day.",
        "{Friend} stamped {fhis} foot, and {Name} turned {his} back.",
        "In the end each of them went home angry, and the {thing} stayed behind in the rain.",
    ),
    (
        "That night neither of them could sleep.",
        "But without {Friend} nothing was any fun.",
        "{Name} sat at the window and felt sad. What was {athing} without a friend?",
        "The next day was long and dull. {Name} missed {Friend}, and {Friend} missed {Name}.",
    ),
    (
        '"I am sorry," said {Name} at last. "You may have it."',
        "In the morning {Name} went over to say sorry, and met {Friend} half way.",
        '"Let us take turns," said {Friend}. "One day you, one day I."',
        'Then {Name} had an idea. "The {thing} is big enough for two," {he} said.',
    ),
    (
        "So they shared the {thing}, and it was twice as much fun.",
        "They laughed, because they had both meant to say the same.",
        "From that day on the {thing} belonged to them both.",
        '{Friend} nodded. "A friend is better than any {thing}," {fhe} said.',
    ),
    (
        "And if they have not lost it, they are playing with it still.",
        "They never quarrelled about it again.",
        "And in the evening they sat side by side and watched the sun go down.",
        "It was the best summer {place} that there ever was.",
    ),
)

STUCK: tuple[Beat, ...] = (
    (
        "One day {his} {thing} got stuck high up in a tree.",
        "{He} was playing with {athing} when a gust of wind carried it up onto the roof.",
        "{He} had {athing}. One morning it fell into a deep hole.",
        "While {he} was crossing the bridge, {his} {thing} fell down and stuck between two rocks.",
    ),
    (
        "First {Name} jumped, but {he} could not reach it.",
        "{He} tried to get it with a stick, but the stick was too short.",
        "{He} stretched and stretched. It was no use.",
        "{He} threw a rope, but the rope slipped off.",
    ),
    (
        "Then {he} built a tower of boxes, and the tower fell over.",
        "Then {he} waited for the wind to help, but the wind had gone to sleep.",
        "{He} tried again, and {he} tried a third time. The {thing} did not move.",
        '"What shall I do?" sighed {Name}. The {thing} stayed where it was.',
    ),
    (
        '{Friend}, {afkind}, had been watching. "May I try?" {fhe} asked.',
        "Then {afkind} named {Friend} came along the path.",
        '"I know how to do it," said a voice. It was {Friend}, {afkind}.',
        "{Name} called {his} neighbour {Friend}, {afkind} who always had good ideas.",
    ),
    (
        '"Alone we are too small," said {Friend}. "Climb on my back."',
        "{Friend} held {him} tight, and {Name} reached out as far as {he} could.",
        "{Friend} pulled, and {Name} pushed. One, two, three!",
        "They counted to three and tried it together.",
    ),
    (
        "And the {thing} came free!",
        "There was a crack and a bump, and then {Name} had the {thing} in {his} arms.",
        "Slowly, very slowly, the {thing} began to move, and then it was theirs.",
        '"Got it!" cried {Name}.',
    ),
    (
        '"Two can do what one cannot," said {Friend}, and {Name} agreed.',
        "They played with the {thing} until the stars came out.",
        "{Name} thanked {Friend}, and {Friend} stayed for supper.",
        "Since then, when something is hard, {Name} does not try it alone.",
    ),
)

PRESENT: tuple[Beat, ...] = (
    (
        "It was nearly the birthday of {Friend}, {afkind} whom {Name} liked very much.",
        "{His} friend {Friend}, {afkind}, lay ill in bed.",
        "{Name} wanted to give {his} friend {Friend} a surprise. {Friend} was {afkind}.",
        "One day {Name} heard that {Friend}, {afkind}, was sad and did not know why.",
    ),
    (
        '"I will make {fhim} {athing}," thought {Name}.',
        "{Athing} would please {fhim}, {he} thought.",
        "{He} decided to bring {fhim} {athing}.",
        '"What {Friend} needs is {athing}," said {Name}.',
    ),
    (
        "{He} worked all morning, but it went wrong.",
        "{He} tried, and it came out crooked.",
        "It was not easy. The first one broke in two.",
        "{He} had never done that before, and it looked very odd.",
    ),
    (
        "{Name} was cross for a while. Then {he} began again.",
        '"Never mind," said {Name}, and {he} started once more.',
        "{He} wanted to give up. But {he} thought of {Friend} and went on.",
        "{He} sighed, washed {his} face, and tried again.",
    ),
    (
        "By the evening the {thing} was ready. It was not perfect, but it was made with love.",
        "At last there it was: {athing}, a little bent, with a ribbon around it.",
        "When the sun went down, {he} had finished the {thing}.",
        "This time it worked, and {Name} wrapped the {thing} in yellow paper.",
    ),
    (
        "{Friend} opened the door and saw the {thing}. {Fhis} eyes shone.",
        '"For me?" asked {Friend}. "{Athing}! Nobody ever made me one before."',
        "{Friend} laughed out loud when {fhe} saw it, and {fhis} sorrow was gone.",
        "{Friend} held the {thing} for a long time and said nothing. Then {fhe} smiled.",
    ),
    (
        '"It is the best {thing} in the world," {fhe} said, "because it comes from you."',
        "And {Name} was just as happy as {Friend}.",
        "They ate cake together, and the {thing} stood in the middle of the table.",
        "{Friend} keeps the {thing} to this day.",
    ),
)

JOURNEY: tuple[Beat, ...] = (
    (
        "{Name} wanted to know what was behind the mountains.",
        "{He} had never seen the sea, and {he} longed to see it.",
        "One spring {he} packed {his} bag to see the world.",
        "{Name} had heard of a valley where the flowers never fade, and {he} wanted to find it.",
    ),
    (
        "{He} took only {athing} with {him}.",
        "In {his} bag there was some bread and {athing}.",
        '"Take {athing} with you," said {his} grandmother. "You may need it."',
        "Nobody knew why {he} took {athing} along. {He} did not know it {himself}.",
    ),
    (
        "{He} walked for three days and three nights.",
        "The road was long, and the sun was hot.",
        "{He} went up one hill and down the next.",
        "{He} sang as {he} went, and the miles flew by.",
    ),
    (
        "Then a wide river barred the way. On the bank sat {afkind} named {Friend}.",
        "At a crossing {he} met {Friend}, {afkind} who had lost {fhis} way.",
        "In a dark wood {he} found {afkind} caught in the thorns. {Fhis} name was {Friend}.",
        'On the third day {he} met {afkind}. "I am {Friend}," {fhe} said. "May I come with you?"',
    ),
    (
        '"If only we had {athing}!" said {Friend}. "But I have one!" cried {Name}.',
        "With the {thing} they found a way to go on.",
        "The {thing} was of use now, for with it they could help themselves.",
        "{Name} took out the {thing}, and {Friend} knew at once what to do with it.",
    ),
    (
        "And so they came to the place that {Name} had dreamed of.",
        "Then they stood on the top and saw the whole world at their feet.",
        "On the seventh day they were there. It was more beautiful than they had thought.",
        "At last they arrived. They sat down and looked and said nothing for a long time.",
    ),
    (
        '"It is fine here," said {Name}, "but now I want to show you my home."',
        "Then they went back together, and the way home was short, because they had so much to tell.",
        "{Name} came home with tired feet, {athing} and a friend.",
        "When {he} was home again, {he} hung the {thing} over the door and told everybody about {Friend}.",
    ),
)

PLOTS: dict[str, tuple[Beat, ...]] = {
    "lost": LOST,
    "wish": WISH,
    "found": FOUND,
    "afraid": AFRAID,
    "sharing": SHARING,
    "stuck": STUCK,
    "present": PRESENT,
    "journey": JOURNEY,
}
