"""What happens, told to people while it does: in, settled webhooks and what the detector stored; out, lines on a Printer."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from detector.store import DetectorStore
from handraiser.bodies import data_of
from handraiser.lines import CLOSING, Told, dead_letter_line, held_line, lead_line, told_of
from notifier.worker import Outcome

LOOK_S = 1.0
TOLD_MAX = 10_000

logger = logging.getLogger("handraiser")


class Telling:
    """`line` takes each finished line."""

    def __init__(self, line: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._line = line
        self._now = now
        self._told: dict[str, Told] = {}
        self._ended: dict[str, None] = {}

    def settled(self, payload: dict[str, Any], endpoint_name: str, outcome: Outcome) -> None:
        """One webhook attempt has ended, well or not."""
        answer = f"{endpoint_name} {outcome.status}, {outcome.ms} ms" if outcome.status else f"{endpoint_name} {outcome.error}"
        if outcome.state != "delivered":
            answer += f" ({outcome.state}; {outcome.remedy})" if outcome.remedy else f" ({outcome.state})"
        if outcome.state == "delivered" and self._ended_before(payload):
            return
        text = lead_line(payload, self._now(), answer, self._told)
        self._remember(payload)
        if text and outcome.state != "delivered" and answer not in text:
            text += f"  → {answer}"  # a win is told without its answer, but never as told to sales when it was not
        if text:
            self._line(text)

    def _ended_before(self, payload: dict[str, Any]) -> bool:
        """Its line names no endpoint: that a lead was won is told once, however many hear of it."""
        if payload.get("type") not in CLOSING:
            return False
        lead = str(data_of(payload).get("lead_id"))
        before = lead in self._ended
        self._ended[lead] = None
        if len(self._ended) > TOLD_MAX:
            del self._ended[next(iter(self._ended))]
        return before

    def _remember(self, payload: dict[str, Any]) -> None:
        """As it was first told; the oldest are forgotten."""
        if told := told_of(payload):
            self._told.setdefault(*told)
            if len(self._told) > TOLD_MAX:
                del self._told[next(iter(self._told))]

    async def follow(self, store: DetectorStore) -> None:
        """Tell of events that begin to wait, or could not be used, from now on; until cancelled."""
        held, dead = await asyncio.to_thread(_newest, store)
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                held, dead = await asyncio.to_thread(self.look, store, held, dead)
            except SQLAlchemyError as error:
                logger.warning("the detector's store could not be read", extra={"error": str(error)[:500]})

    def look(self, store: DetectorStore, held: int, dead: int) -> tuple[int, int]:
        """Tell what is newer than these sequence numbers; the newest ones. One line a person, one a reason."""
        at = self._now()
        waiting = store.held_since(held)
        people = Counter(each.person for each in waiting)
        until = {each.person: each.until for each in reversed(waiting)}
        for person, count in people.items():
            self._line(held_line(count, person, datetime.fromtimestamp(until[person] / 1000, at.tzinfo), at))
        letters = store.dead_letters_since(dead)
        codes = Counter(each.letter.code for each in letters)
        first = {each.letter.code: each.letter for each in reversed(letters)}
        for code, count in codes.items():
            self._line(dead_letter_line(code, first[code].message, first[code].id, count, at))
        return (waiting[-1].seq if waiting else held), (letters[-1].seq if letters else dead)


def _newest(store: DetectorStore) -> tuple[int, int]:
    waiting = store.held_since(0)
    letters = store.dead_letters.page(1)
    return (waiting[-1].seq if waiting else 0), (letters[0].seq if letters else 0)
