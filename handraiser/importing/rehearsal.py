"""Batches of events in, what a server would say of each out, without one: the same reading, and nothing is sent."""

from collections.abc import Sequence

from handraiser.importing.posting import Posted, body_of, problems_of
from handraiser.importing.rows import Row
from ingest.core.native import read_events
from ingest.core.normalise import Arrival, normalise
from runtime.clock import Clock


class Rehearsal:
    """In the place of a Poster."""

    def __init__(self, clock: Clock, *, history: bool = True) -> None:
        self._clock = clock
        self._history = history

    def post(self, batch: Sequence[Row]) -> Posted:
        envelope = read_events(body_of(batch, history=self._history))
        arrival = Arrival("rehearsal", "", "server", self._clock(), lambda: "", historical=self._history)
        done = normalise(envelope.split(), envelope, None, arrival)
        return Posted(len(done.events), problems_of(batch, (rejection.as_json() for rejection in done.rejections)))
