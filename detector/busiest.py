"""How much of what is read here one account makes: its events are read one after the other, so it has a ceiling of its own."""

from collections import Counter

from contracts.columns import Columns
from detector import metrics

ONE_IN = 61
"""So many events are passed over for one that is looked at, or the looking would cost more than it tells."""
LOOKED_AT = 200
"""Among fewer, one account's share says nothing."""


class Busiest:
    """Tells the busiest account's share of some 12,000 events, then begins again."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._pass = 0

    def look(self, columns: Columns) -> None:
        """These are read now."""
        self._counts.update(map(columns.key, range(self._pass, len(columns), ONE_IN)))
        self._pass = (self._pass - len(columns)) % ONE_IN
        total = self._counts.total()
        if total >= LOOKED_AT:
            metrics.BUSIEST_ACCOUNT.set(max(self._counts.values()) / total)
            self._counts.clear()

    def rest(self) -> None:
        """Nothing comes: no account makes anything of it."""
        metrics.BUSIEST_ACCOUNT.set(0)
        self._counts.clear()
