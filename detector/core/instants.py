"""Instants: epoch milliseconds at which something may change; and what time alone can change."""

from enum import IntEnum
from typing import Final

NEVER: Final = 1 << 62
"""Later than every instant: nothing changes any more, from what is known now."""


class Course(IntEnum):
    """What time alone, without any event, can do to a value, and so to a rule: nothing, only let it fall, or anything."""

    STILL = 0
    FALLS = 1
    MOVES = 2
