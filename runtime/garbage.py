"""What lives long is put where the garbage collector does not look.

A collection takes the longer the more objects it looks at, up to a microsecond for each: a second with the accounts of a few
seconds of a full load, and by itself it collected all the time. What is not needed any more goes by its count of references all
the same; only rings of references need the collector, and of those there are few. So it runs when it is told to, and takes no
more than a small part of the time.
"""

import gc
import time

PUT_ASIDE_S = 5.0
PART = 1 / 40
"""Of the time, that it may take: after a long collection the next one comes later."""
ANEW_S = 3_600.0
"""Then all is looked at once: rings that were in use when they were put aside, and are not any more, go."""
_NEW_MAX = 5_000_000
"""So many more objects than before, and it collects by itself: whoever tells it to may be waiting for something."""


class Garbage:
    """Of this process; one thread calls it."""

    def __init__(self) -> None:
        gc.set_threshold(_NEW_MAX)
        self._put_aside_at = time.monotonic() + PUT_ASIDE_S
        self._anew_at = time.monotonic() + ANEW_S

    def is_due(self) -> bool:
        """To be called when as little as possible is under way: what is in use is taken for what lives long."""
        return time.monotonic() >= self._put_aside_at

    def put_aside(self) -> None:
        """Collects what became garbage since the last time, and puts aside all else."""
        began = time.monotonic()
        if began >= self._anew_at:
            gc.unfreeze()
            self._anew_at = began + ANEW_S
        gc.collect()
        gc.freeze()
        ended = time.monotonic()
        self._put_aside_at = ended + max(PUT_ASIDE_S, (ended - began) / PART)
