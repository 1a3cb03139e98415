"""The only reader of wall time. Everything else gets `now` as an argument, or a Clock where a loop must look again."""

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], int]
"""Epoch milliseconds."""


def wall_clock() -> int:
    """Now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000
