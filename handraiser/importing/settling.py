"""Until the detector has read what was posted: in, its health, asked again and again; out, whether the import can be ended.

Events that name no account reach their account's partition by way of the attributor; the mark that ends an import may not
overtake them.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from handraiser.client import Client
from handraiser.errors import CommandError
from handraiser.importing.posting import StoppedError

LOOK_S = 0.25
MARGIN_S = 5.0
"""Health looks at most every 2 s, and may tell us what it saw before."""
STUCK_S = 120.0
"""A detector that comes no nearer to the end for so long does not get there."""


def settle(
    client: Client,
    stop: threading.Event,
    tell: Callable[[int], None],
    *,
    stuck_s: float = STUCK_S,
    margin_s: float = MARGIN_S,
) -> bool:
    """Wait for the detector; `tell` hears how many records wait. False: this server does not tell.

    Raises CommandError if it stands still, StoppedError.
    """
    began = nearer_at = time.monotonic()
    asked, detector = _look(client, stop, stuck_s)
    nearest: int | None = None
    while detector is not None:
        now = time.monotonic()
        seen = asked  # what was seen first may be from before our last event: only what is seen after it counts
        while asked == seen:
            if stop.wait(LOOK_S):
                raise StoppedError
            asked, detector = _look(client, stop, stuck_s)
        if detector is None:
            break
        if _has_read(detector, now - began - margin_s):
            return True
        waiting = int(detector["lag_events"])
        tell(waiting)
        if nearest is None or waiting < nearest:
            nearest, nearer_at = waiting, now
        if now - nearer_at > stuck_s:
            raise CommandError(
                "detector_stuck",
                f"All events are in the log, but the detector has come no further for {stuck_s:.0f} s: {waiting:,} records wait. "
                "GET /health says why. Run the same command again when it works: nothing is doubled.",
            )
    return False


def _look(client: Client, stop: threading.Event, away_s_max: float) -> tuple[str, dict[str, Any] | None]:
    """(when health looked, what it saw of the detector). A server that is away is waited for."""
    began = time.monotonic()
    while True:
        try:
            health = client.health()
            break
        except CommandError as error:
            if error.code != "no_answer" or time.monotonic() - began > away_s_max:
                raise
        if stop.wait(LOOK_S):
            raise StoppedError
    return str(health.get("checked_at")), health.get("checks", {}).get("detector")


def _has_read(detector: dict[str, Any], elapsed_s: float) -> bool:
    """Nothing waits, or, while others send, what waits came after our last event, `elapsed_s` ago."""
    waits_s = [detector["lag_s"]] if detector["lag_events"] else []
    waits_s += [detector["outbox_oldest_s"]] if detector["outbox_oldest_s"] else []
    return all(waited_s < elapsed_s for waited_s in waits_s)
