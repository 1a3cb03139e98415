"""What a scenario is tried by beside standing as it is: that this too can find something."""

from pathlib import Path

import pytest

from detector.core import judge
from detector.core.account import Account
from detector.scenarios import playing, trying
from detector.scenarios.reading import read


def test_copies_that_count_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "WINDOW_DAYS", -1)  # every copy is an event of its own
    found = [text for each in read(Path(__file__).parent / "copies.yaml") if (text := trying.doubled(each))]
    assert found
    assert all("with every line doubled" in text for text in found)


def test_what_is_forgotten_at_a_restart_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def emptied(story: playing.Played) -> None:
        story.account = Account.new(story.account.project, story.account.external_id)

    monkeypatch.setattr(playing.Played, "restarts", emptied)
    found = [text for each in read(Path(__file__).parent / "cooldown.yaml") if (text := trying.restarted(each))]
    assert found
    assert all("restarted after its lines" in text for text in found)


def test_an_order_that_matters_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(program: object, account: object, event: object, place: object) -> object:
        """Judges by the newest event only: what comes later and happened before is not seen."""
        newest = account.facts.newest  # type: ignore[attr-defined]
        return [] if event.timestamp < newest else judge.process(program, account, event, place)  # type: ignore[attr-defined, arg-type]

    monkeypatch.setattr(playing, "process", forgetful)
    scenarios = [each for each in read(Path(__file__).parent / "absence.yaml") if each.any_order]
    found = [text for each in scenarios if (text := trying.in_other_orders(each))]
    assert found
    assert all("in another order, all signals" in text for text in found)
    assert any("as it stands" in text for text in found)
