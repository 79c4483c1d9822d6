"""What people say, from public sets of intents, by the kind of turn that it is: for training alone.

The sets give the sentences, and the replies are ours. They are no part of the project; docs/models.md
names their sources and licences.
"""

import json
from collections import defaultdict
from pathlib import Path

_CLINC = {
    "goodbye": "bye",
    "thank_you": "thanks",
    "what_is_your_name": "who",
    "are_you_a_bot": "human",
    "who_made_you": "maker",
    "how_old_are_you": "maker",
    "where_are_you_from": "maker",
    "who_do_you_work_for": "maker",
    "what_can_i_ask_you": "abilities",
    "what_are_your_hobbies": "likes",
    "do_you_have_pets": "likes",
    "tell_joke": "joke",
    "calculator": "sums",
    **dict.fromkeys(("smart_home", "timer", "play_music", "change_volume", "alarm"), "home"),
    **dict.fromkeys(("definition", "weather", "exchange_rate", "distance", "traffic"), "fact"),
    **dict.fromkeys(("meaning_of_life", "fun_fact", "flight_status", "calories"), "fact"),
    **dict.fromkeys(("time", "date", "timezone", "recipe", "interest_rate"), "fact"),
    **dict.fromkeys(("nutrition_info", "directions", "translate", "next_holiday"), "fact"),
}
_HWU = {
    "general_praise": "praise",
    "general_joke": "joke",
    "qa_maths": "sums",
    **dict.fromkeys(("qa_factoid", "qa_definition", "weather_query", "news_query"), "fact"),
    **dict.fromkeys(("qa_stock", "qa_currency", "transport_query"), "fact"),
    **dict.fromkeys(("iot_hue_lightoff", "iot_hue_lightup", "iot_cleaning"), "home"),
}


def public_turns(sets: Path) -> dict[str, list[str]]:
    """Kind of turn -> what was said, in a fixed order; training parts of CLINC150 and HWU64."""
    found: dict[str, list[str]] = defaultdict(list)
    clinc = json.loads((sets / "clinc150/data_full_train_val.json").read_text("utf-8"))["train"]
    for text, intent in clinc:
        if intent == "greeting":
            hello = text.split()[0].strip(",") in ("hello", "hi", "hey", "greetings", "good")
            found["greeting" if hello else "how_are_you"].append(text)
        elif intent in _CLINC:
            found[_CLINC[intent]].append(text)
    folder = sets / "hwu64" / "train"
    said, labels = ((folder / name).read_text("utf-8").splitlines() for name in ("seq.in", "label"))
    for text, intent in zip(said, labels, strict=True):
        if intent in _HWU:
            found[_HWU[intent]].append(text)
    return dict(found)
