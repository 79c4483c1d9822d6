"""Colors by name as Home Assistant reads them, and the forms in which a light may show them.

Values are those of CSS (level 4), which Home Assistant's `color_name_to_rgb` has too. The forms
follow homeassistant/util/color.py.
"""

import colorsys
from typing import Any

_NAMES: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "orange": (255, 165, 0),
    "yellow": (255, 255, 0),
    "green": (0, 128, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "purple": (128, 0, 128),
    "brown": (165, 42, 42),
    "pink": (255, 192, 203),
    "turquoise": (64, 224, 208),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "violet": (238, 130, 238),
    "indigo": (75, 0, 130),
    "gold": (255, 215, 0),
    "teal": (0, 128, 128),
    "lavender": (230, 230, 250),
    "maroon": (128, 0, 0),
    "navy": (0, 0, 128),
    "salmon": (250, 128, 114),
    "coral": (255, 127, 80),
    "crimson": (220, 20, 60),
    "beige": (245, 245, 220),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
}

COLOR_FORMS = ("rgb_color", "rgbw_color", "hs_color")
"""Attributes that show one color; which of them a light has is its own affair."""


def color_attributes(name: str) -> dict[str, Any] | None:
    """The color in all `COLOR_FORMS`; None where there is no such name."""
    rgb = _NAMES.get(name.strip().lower())
    if rgb is None:
        return None
    hue, saturation, _ = colorsys.rgb_to_hsv(*(part / 255 for part in rgb))
    return {
        "rgb_color": list(rgb),
        "rgbw_color": _rgbw(rgb),
        "hs_color": [round(hue * 360, 3), round(saturation * 100, 3)],
    }


def _rgbw(rgb: tuple[int, int, int]) -> list[int]:
    """The white that all three share on its own, scaled back to the strongest part."""
    white = min(rgb)
    parts = (*(part - white for part in rgb), white)
    factor = max(rgb) / max(parts) if max(parts) else 0.0
    return [round(part * factor) for part in parts]
