"""The models as they lie on the disk: which version is there, and whether it is worth trying to load.

A version is the sha256 of a folder's SHA256SUMS. Looking costs a few calls of the system as long as nothing
changes. What could not be loaded is not tried again until its files are others.
"""

from pathlib import Path

from handlers.catalog import CATALOG
from handlers.learned_models import digest

Look = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of change of each file of a folder; empty where there is none."""


class ModelFiles:
    """The model folders of one node, by the capabilities that they serve."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self._versions: dict[str, tuple[Look, str]] = {}
        self._refused: dict[str, Look] = {}
        self._before: dict[str, Look] = {}

    def look(self, capability: str) -> Look:
        """What the files look like now."""
        entry = CATALOG.get(capability)
        if entry is None or not entry.model:
            return ()
        found = []
        try:
            for file in (self._models / entry.model).iterdir():
                at = file.stat()
                found.append((file.name, at.st_ino, at.st_size, at.st_mtime_ns))
        except OSError:
            return ()
        return tuple(sorted(found))

    def version(self, capability: str) -> str:
        """Which version is there; "" where none is, or where the capability has no model."""
        look = self.look(capability)
        known = self._versions.get(capability)
        if known is None or known[0] != look:
            known = self._versions[capability] = (look, self._read(capability, look))
        return known[1]

    def refuse(self, capability: str) -> None:
        """What is there could not be loaded."""
        self._refused[capability] = self.look(capability)

    def is_refused(self, capability: str) -> bool:
        """Whether what is there is what could not be loaded."""
        refused = self._refused.get(capability)
        return refused is not None and refused == self.look(capability)

    def can_be_had(self, capability: str) -> bool:
        """Whether it could be loaded again, as far as is known without trying."""
        entry = CATALOG.get(capability)
        if entry is None or not entry.model:
            return True
        return bool(self.version(capability)) and not self.is_refused(capability)

    def is_changing(self, capability: str, looked: Look) -> bool:
        """Whether a load that failed may do better soon: the files are gone, or not those `looked` at."""
        entry = CATALOG.get(capability)
        there = self.look(capability)
        return entry is not None and bool(entry.model) and (not there or there != looked)

    def at_rest(self, capability: str) -> bool:
        """Whether the files are as they were when this was asked the last time."""
        there = self.look(capability)
        before, self._before[capability] = self._before.get(capability), there
        return before == there

    def replaced(self, capability: str, loaded: str) -> bool:
        """Whether there is another version than `loaded`, and not one that was refused."""
        there = self.version(capability)
        return there not in ("", loaded) and not self.is_refused(capability)

    def _read(self, capability: str, look: Look) -> str:
        if not look:
            return ""
        try:
            return digest(self._models / CATALOG[capability].model)
        except OSError:
            return ""
