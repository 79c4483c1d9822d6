"""A structure of Home Assistant as OpenAPI describes it: by voluptuous-openapi, or by what came after it."""

from collections.abc import Callable
from typing import Any

try:  # Home Assistant 2026.10 validates by probatio, which converts by itself.
    from probatio import to_openapi as _convert  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from voluptuous_openapi import (  # type: ignore[import-untyped, unused-ignore]
        convert as _convert,
    )


def converted(structure: Any, serializer: Callable[[Any], Any]) -> dict[str, Any]:
    """The schema of a structure; `serializer` knows Home Assistant's selectors."""
    told: dict[str, Any] = _convert(structure, custom_serializer=serializer)
    return told
