"""What asks for nothing: mashed keys, random characters, made-up words, stray sounds, other tongues.

A router learns to give all labels the same probability here, so that it abstains. Training and
validation are made from different letters' habits, syllables, sounds and sentences.
"""

import random
import string

_ROWS = {
    "train": ("qwertyuiop", "asdfghjkl", "zxcvbnm", "sdfgh", "hjkl", "uiop"),
    "validation": ("poiuytrewq", "lkjhgfdsa", "mnbvcxz", "fghjk", "wert", "dfgvb"),
}
_SYLLABLES = {
    "train": "ba ko ri tu mel fo gra shi ne lo vup zan dro ki pel mos ter wi ul ag bre sno qui".split(),
    "validation": "ja pli dut ko re xan vo sti mur hib eg fla cro ty nup bos gli wem ar zo".split(),
}
_SOUNDS = {
    "train": (
        "hmm;uh;um;er;uh huh;well well;ok so;so yeah;anyway;and then;but;the the the;blah blah blah;"
        "la la la;bla;ha ha;haha;lol;pff;meh;whatever;you know;i mean;like;test;testing;test test;"
        "one two one two;...;???;!!!;. . .;-;yada yada;lorem ipsum dolor sit amet;foo bar;aaaa;"
        "ooooh;eh;hm hm;tick tock;ding dong;x;a;of the;to be or;and so on;which that;if when"
    ).split(";"),
    "validation": (
        "mmm;ah;erm;oh well;right so;and;or;it it it;bla bla;na na na;he he;rofl;tsk;kinda;sort of;"
        "check check;mic check;,,,;??;!;consectetur adipiscing elit;baz qux;zzzz;eeeek;huhu;"
        "beep boop;y;from the;as if;because of;than"
    ).split(";"),
}
_TONGUES = {
    "train": (
        "ich habe gestern einen apfel gegessen;der hund schläft unter dem tisch;wie spät ist es denn;"
        "das ist mir egal;je ne sais pas;il fait beau aujourd'hui;où est la bibliothèque;"
        "la vie est belle;no me gusta el pescado;mi casa es azul;dónde está el baño;hasta mañana;"
        "non lo so;che bella giornata;dov'è la stazione;ik weet het niet;het regent vandaag;"
        "jag vet inte;det är kallt;nie wiem;dziś jest zimno;não sei;o gato está na mesa;"
        "я не знаю;сегодня холодно;我不知道;今天很冷;わかりません;今日は寒い;لا أعرف;bilmiyorum;"
        "en tiedä;nem tudom;nevím;den vet jag inte;kya hal hai;mujhe nahi pata;tidak tahu"
    ).split(";"),
    "validation": (
        "wir fahren morgen ans meer;mein bruder heißt karl;warum denn nicht;nous allons à la plage;"
        "mon frère s'appelle jean;quel dommage;vamos a la playa;qué lástima;andiamo al mare;peccato;"
        "wij gaan naar zee;wat jammer;vi åker till havet;jedziemy nad morze;vamos à praia;"
        "мы едем на море;как жаль;我们去海边;海へ行きます;denize gidiyoruz;menemme merelle;"
        "jedeme k moři;hum samundar ja rahe hain;kami pergi ke pantai"
    ).split(";"),
}
_FILLERS = (
    "table green seven of run almost window although bread him quickly stone under paper those "
    "river maybe blue jump nine across button soft never cloud spoon which tall empty both"
).split()


def nonsense(part: str, rng: random.Random) -> str:
    """One utterance that asks for nothing, of the "train" or the "validation" kind."""
    match rng.randrange(8):
        case 0 | 1:
            return " ".join(_mashed(part, rng) for _ in range(rng.randint(1, 4)))
        case 2:
            signs = string.ascii_lowercase * 2 + string.digits + string.punctuation + "  "
            return "".join(rng.choice(signs) for _ in range(rng.randint(2, 30))).strip() or "#"
        case 3 | 4:
            return " ".join(_made_up(part, rng) for _ in range(rng.randint(1, 6)))
        case 5:
            return " ".join(rng.choice(_SOUNDS[part]) for _ in range(rng.randint(1, 3)))
        case 6:
            return rng.choice(_TONGUES[part])
        case _:
            return " ".join(rng.sample(_FILLERS, rng.randint(2, 7)))


def _mashed(part: str, rng: random.Random) -> str:
    row = rng.choice(_ROWS[part])
    start = rng.randrange(len(row) - 2)
    piece = row[start : start + rng.randint(3, 6)]
    return piece if rng.random() < 0.6 else "".join(rng.choices(row, k=rng.randint(3, 9)))


def _made_up(part: str, rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES[part]) for _ in range(rng.randint(1, 4)))
