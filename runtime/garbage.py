"""What lives long is put where the garbage collector does not look.

A collection of everything takes the longer the more there is: 0.3 s with the accounts of a minute of a benchmark, while webhooks
waited. What is not needed any more goes by its count of references all the same; only rings of references need the collector.
"""

import gc
import time

PUT_ASIDE_S = 5.0
ANEW_S = 3_600.0
"""Then all is looked at once: rings that were in use when they were put aside, and are not any more, go."""


class Garbage:
    """Of this process; one thread calls it."""

    def __init__(self) -> None:
        self._put_aside_at = time.monotonic() + PUT_ASIDE_S
        self._anew_at = time.monotonic() + ANEW_S

    def is_due(self) -> bool:
        """To be called when as little as possible is under way: what is in use is taken for what lives long."""
        return time.monotonic() >= self._put_aside_at

    def put_aside(self) -> None:
        """Collects what became garbage since the last time, and puts aside all else."""
        now = time.monotonic()
        if now >= self._anew_at:
            gc.unfreeze()
            self._anew_at = now + ANEW_S
        gc.collect()
        gc.freeze()
        self._put_aside_at = now + PUT_ASIDE_S
