"""The abstention curve and the domains as a PNG, drawn with Pillow as the loss curve is."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import MissingDependency

_SIZE = (1120, 560)
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 60, 560, 490
_BARS_LEFT, _BARS_RIGHT = 800, 1060
_LINES = {"precision": "#c0392b", "coverage": "#8fb4d9", "accuracy": "#2e7d32"}
_GRID, _INK, _BAR = "#dddddd", "#333333", "#8fb4d9"
_MOST_BARS = 16


def draw(figures: Mapping[str, Any], title: str) -> bytes:
    """The curve over thresholds on the left, accuracy of the largest domains on the right, as PNG.

    Raises:
        MissingDependency: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as fault:
        raise MissingDependency(
            "the picture of an evaluation needs Pillow", "run `pip install forgebus[train]`"
        ) from fault
    image = Image.new("RGB", _SIZE, "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    pen.text((_LEFT, 14), title[:110], _INK, font)
    _axes(pen, font)
    at = _LEFT + float(figures["threshold"]) * (_RIGHT - _LEFT)
    pen.line([(at, _TOP), (at, _BOTTOM)], fill=_INK)
    pen.text((at, _TOP - 4), "threshold", _INK, font, anchor="mb")
    for number, (name, color) in enumerate(_LINES.items()):
        points = [
            (
                _LEFT + point["threshold"] * (_RIGHT - _LEFT),
                _BOTTOM - point[name] * (_BOTTOM - _TOP),
            )
            for point in figures["abstention_curve"]
            if point[name] is not None
        ]
        if len(points) > 1:
            pen.line(points, fill=color, width=3)
        pen.text((_LEFT + 130 * number, _BOTTOM + 34), name, color, font)
    _bars(pen, font, figures["domains"])
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def _axes(pen: Any, font: Any) -> None:
    for line in range(6):
        share = line / 5
        y = round(_BOTTOM - share * (_BOTTOM - _TOP))
        x = round(_LEFT + share * (_RIGHT - _LEFT))
        pen.line([(_LEFT, y), (_RIGHT, y)], fill=_GRID)
        pen.text((_LEFT - 8, y), f"{share:.1f}", _INK, font, anchor="rm")
        pen.text((x, _BOTTOM + 8), f"{share:.1f}", _INK, font, anchor="mt")


def _bars(pen: Any, font: Any, domains: Mapping[str, Mapping[str, Any]]) -> None:
    largest: Sequence[tuple[str, Mapping[str, Any]]] = sorted(
        domains.items(), key=lambda pair: -pair[1]["n"]
    )[:_MOST_BARS]
    pen.text((_BARS_LEFT, _TOP - 4), "accuracy by domain", _INK, font, anchor="lb")
    for number, (name, counts) in enumerate(largest):
        y = _TOP + 8 + number * 27
        width = (counts["accuracy"] or 0.0) * (_BARS_RIGHT - _BARS_LEFT)
        shown = "".join(c if c.isprintable() and c.isascii() else "?" for c in name[-26:])
        pen.text((_BARS_LEFT - 8, y + 9), shown, _INK, font, anchor="rm")
        pen.rectangle([_BARS_LEFT, y, _BARS_LEFT + width, y + 18], fill=_BAR)
        told = f"{counts['correct']}/{counts['n']}"
        pen.text((_BARS_LEFT + 6, y + 9), told, _INK, font, anchor="lm")
