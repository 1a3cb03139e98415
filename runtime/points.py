"""Places at which a crash matters: in, the label of one just reached; out, nothing, or, if a test asked, the end of the process.

A test sets a hook, or starts a process with HANDRAISER_KILL_AT (never in production), which then sends itself SIGKILL there.
Points are reached once per batch, append, pass or attempt, never once per event.
"""

import os
import re
import signal
from collections.abc import Callable
from typing import Final, TypeAlias

from runtime.settings import SettingsError

POINTS: Final = (
    "ingest.append.before",  # judged and placed, nothing in the log
    "ingest.append.after",  # in the log, no answer given
    "spool.put.after",  # the log took nothing, it is in the spool, no answer given
    "spool.drain.after",  # in the log, and still in the spool
    "import.end.after",  # the end of an import is in every partition, no answer given
    "rulebook.store.after",  # a version is stored, nobody has switched to it
    "rulebook.backfilled.after",  # the log was read again for it, and says so, nobody has read that
    "command.append.after",  # in the log, no answer given
    "detector.acquire.after",  # partitions are ours, nothing read
    "attributor.forward.before",  # accounts found, the batch not yet handed over
    "detector.commit.before",  # computed, no transaction begun
    "detector.commit.swapped",  # inside the transaction: the checkpoints have moved
    "detector.commit.written",  # inside the transaction: all is written, nothing committed
    "detector.commit.after",  # committed, the outbox not looked at
    "outbox.append.before",  # rows read, none sent
    "outbox.append.after",  # rows in the log, and still in the outbox
    "outbox.delete.after",  # rows gone
    "ticker.append.after",  # a tick is in the log, nobody has read it
    "notifier.intake.before",  # lead events read, nothing stored
    "notifier.intake.swapped",  # inside the transaction: the checkpoint has moved
    "notifier.intake.after",  # deliveries opened, and committed
    "notifier.claim.swapped",  # inside the transaction: a lease is ours, no attempt is recorded
    "notifier.claim.after",  # the attempt is committed, no byte has left
    "notifier.settle.before",  # the receiver has answered, nothing of it is stored
    "notifier.settle.written",  # inside the transaction: attempt and delivery have moved on
    "notifier.settle.after",  # settled, and told nobody
)
"""In the order of an event's way. All are reached by the simulation, and by the crash matrix or, the spool's, its own test."""

KILL_AT: Final = "HANDRAISER_KILL_AT"

Hook: TypeAlias = Callable[[str], None]

_hook: Hook | None = None
_PLACE = re.compile(r"(?P<label>[a-z.]+)(:(?P<times>[1-9][0-9]*))?")


def reach(label: str) -> None:
    """Say that this place is reached."""
    if _hook is not None:
        _hook(label)


def set_hook(hook: Hook | None) -> None:
    """Be told of every place that is reached; None: no longer."""
    global _hook  # noqa: PLW0603 - one per process, like the process's death
    _hook = hook


def kill_at(text: str) -> None:
    """Die at the place that `text` names: `label`, or `label:n` for the n-th time it is reached. Raises SettingsError.

    Of a list with commas the first counts; the others are for the lives after this one (`for_next_life`).
    """
    said = _PLACE.fullmatch(text.partition(",")[0])
    if said is None or said["label"] not in POINTS:
        raise SettingsError(
            f"{KILL_AT} is '{text}', which is no place to die at. Write `label` or `label:n`; labels: {', '.join(POINTS)}."
        )
    label, left = said["label"], int(said["times"] or 1)

    def die(reached: str) -> None:
        nonlocal left
        left -= reached == label
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    set_hook(die)


def for_next_life(text: str) -> str:
    """What is left of a list once this life has ended at its first place; empty: live on."""
    return text.partition(",")[2]
