"""What an account has at hand is a short cut: with it, and without, the same is kept and stored."""

from random import Random
from typing import Any

import msgspec
import pytest

from contracts.messages import UsageEvent
from detector.core.account import Account
from detector.core.fold import fold
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.rulebooks import bases, trial

DAY = 86_400_000
T0 = 1_780_000_000_000
NAMES = ("Report Opened", "Contacts Imported", "Contact Count Changed")


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_rulebook(parse(trial(), bases()).rulebook, 1)


def _events(dice: Random) -> list[UsageEvent]:
    """Of a few people over days, most of them in order, some late, some that are no track events, some of nobody."""
    time, events = T0, []
    for n in range(60):
        time += int(dice.expovariate(1 / (DAY / 30))) + 1
        late = dice.randrange(1, 3 * DAY) if dice.random() < 0.15 else 0
        type_: Any = dice.choices(("track", "page", "screen"), (8, 1, 1))[0]
        events.append(
            UsageEvent(
                project="acme-mail",
                id=f"m{n}",
                type=type_,
                timestamp=time - late,
                original_timestamp=time - late,
                received_at=time,
                name=dice.choice(NAMES) if type_ == "track" else None,
                account="acc",
                person=dice.choice(("ada", "ada", "bo", "eva", None)),
                anonymous="somebody",
                properties=msgspec.Raw(b'{"total": 7}'),
            )
        )
    return events


class _Kept:
    """An account that is stored after some events, and read again after some of these."""

    def __init__(self) -> None:
        self.account = Account.new("acme-mail", "acc")
        self._chunks: dict[tuple[str, int], bytes] = {}

    def stored(self, *, again: bool) -> None:
        dump = self.account.dump()
        self._chunks = {key: body for key, body in {**self._chunks, **dump.chunks}.items() if body}
        if again:
            self.account = Account.load("acme-mail", "acc", dump.hot, self._chunks)

    def facts(self) -> dict[str, Any]:
        self.stored(again=True)
        facts = self.account.facts
        keys = sorted({*facts.stores, *facts._stored})
        return {"newest": facts.newest} | {key: facts.store(key).chunks(everything=True) for key in keys}


@pytest.mark.parametrize("seed", range(40))
def test_the_same_is_stored_with_what_is_at_hand_and_without(program: Program, seed: int) -> None:
    dice = Random(seed)
    short, long = _Kept(), _Kept()
    cut = 0
    for event in _events(dice):
        cut += event.person in short.account.facts.hand
        fold(program, short.account.facts, event)
        long.account.facts.hand.clear()
        fold(program, long.account.facts, event)
        if dice.random() < 0.3:
            short.stored(again=dice.random() < 0.3)
    assert short.facts() == long.facts()
    assert cut >= 3
