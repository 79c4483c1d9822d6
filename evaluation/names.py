"""Names as ids."""

import re
import unicodedata


def slug(name: str) -> str:
    """`Living Room` as `living_room`, in ASCII where a letter has such a form."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_") or "unnamed"
