"""The loss curve of a run as a PNG: training and validation loss over steps.

Drawn with Pillow: two lines and four labels need no plotting library, which would bring ten times
as much into the `train` extra.
"""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

_SIZE = (960, 540)
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 40, 930, 480
_TRAINING, _VALIDATION, _GRID, _INK = "#8fb4d9", "#c0392b", "#dddddd", "#333333"
_LINES = 5

Points = Sequence[dict[str, float]]


def draw_curve(training: Points, validation: Points) -> bytes:
    """The curve of `training` and `validation` ({"step", "loss"} each) as PNG."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(16)
    losses = [point["loss"] for point in (*training, *validation)]
    steps = max(point["step"] for point in (*training, *validation))
    low, high = min(losses), max(losses)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    for line in range(_LINES + 1):
        share = line / _LINES
        y = round(_BOTTOM - share * (_BOTTOM - _TOP))
        across = round(_LEFT + share * (_RIGHT - _LEFT))
        draw.line([(_LEFT, y), (_RIGHT, y)], fill=_GRID)
        draw.text((_LEFT - 8, y), f"{low + share * (high - low):.2f}", _INK, font, anchor="rm")
        draw.text((across, _BOTTOM + 8), f"{share * steps:.0f}", _INK, font, anchor="mt")
    draw.text((_RIGHT, _BOTTOM + 30), "step", _INK, font, anchor="rt")
    draw.text((_LEFT, _TOP - 12), "training loss (nats)", _TRAINING, font, anchor="ls")
    draw.text((_LEFT + 200, _TOP - 12), "validation loss", _VALIDATION, font, anchor="ls")

    def place(point: dict[str, float]) -> tuple[float, float]:
        x = _LEFT + point["step"] / steps * (_RIGHT - _LEFT)
        return x, _BOTTOM - (point["loss"] - low) / (high - low) * (_BOTTOM - _TOP)

    draw.line([place(point) for point in training], fill=_TRAINING, width=2)
    draw.line([place(point) for point in validation], fill=_VALIDATION, width=3)
    for point in validation:
        left, top = place(point)
        draw.ellipse([left - 3, top - 3, left + 3, top + 3], fill=_VALIDATION)
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()
