"""How fast each sender uses up what it may have: one token bucket a name. Pure: time is the caller's.

A bucket holds `burst` units at most and gains `per_s` units each second; what it does not hold is not given
(J. Turner, "New Directions in Communications", IEEE Communications Magazine 24, 1986).
"""

MOST_NAMES = 1000
"""Names with a bucket of their own; where nobody proves a name, those beyond share one."""


class Meter:
    """The buckets of one kind of use. A name that was not seen has a full one."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}
        self._swept = float("-inf")

    def take(self, name: str, units: float, now: float) -> float:
        """Take so many units; 0.0, or the seconds until there are enough, and then none is taken.

        What is larger than a bucket is given for a full one.
        """
        name = self._known(name, now)
        held = self._held(name, now)
        wanted = min(units, self._burst)
        if held < wanted:
            return (wanted - held) / self._per_s
        self._buckets[name] = held - wanted, now
        return 0.0

    def _held(self, name: str, now: float) -> float:
        held, at = self._buckets.get(name, (self._burst, now))
        return min(self._burst, held + max(0.0, now - at) * self._per_s)

    def _known(self, name: str, now: float) -> str:
        """The name, or "" when there is no room for another; a full bucket need not be remembered."""
        if name in self._buckets or len(self._buckets) < MOST_NAMES:
            return name
        if now - self._swept >= 1.0:
            self._swept = now
            full = [one for one in self._buckets if self._held(one, now) >= self._burst]
            for one in full:
                del self._buckets[one]
        return name if len(self._buckets) < MOST_NAMES else ""
