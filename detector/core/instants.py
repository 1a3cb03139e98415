"""Instants: epoch milliseconds at which something may change."""

from typing import Final

NEVER: Final = 1 << 62
"""Later than every instant: nothing changes any more, from what is known now."""
