"""Places at which a process dies on request: only there, only the n-th time, by SIGKILL, and never in production."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.points import POINTS, for_next_life, kill_at, reach, set_hook
from runtime.settings import SettingsError, read_settings

ROOT = Path(__file__).parents[2]
ROOMS = ("ingest", "detector", "notifier", "handraiser")


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    yield
    set_hook(None)


def died(text: str, *reached: str) -> int:
    """The exit code of a process that is to die at `text` and reaches these places."""
    program = f"from runtime.points import kill_at, reach\nkill_at({text!r})\nfor label in {reached!r}: reach(label)"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode


def test_the_code_reaches_exactly_the_places_that_are_listed() -> None:
    sources = [path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    reached = [label for source in sources for label in re.findall(r"\breach\(\"([^\"]+)\"\)", source)]
    assert sorted(reached) == sorted(POINTS)


def test_a_place_that_nobody_asked_for_does_nothing() -> None:
    reach(POINTS[0])


def test_a_hook_hears_every_place() -> None:
    heard: list[str] = []
    set_hook(heard.append)
    reach("ingest.append.before")
    reach("outbox.append.after")
    assert heard == ["ingest.append.before", "outbox.append.after"]


def test_a_process_kills_itself_at_its_place_the_nth_time_and_not_before() -> None:
    here, elsewhere = "outbox.append.after", "outbox.append.before"
    assert died(here, elsewhere) == 0
    assert died(here, elsewhere, here) == -signal.SIGKILL
    assert died(f"{here}:3", here, elsewhere, here) == 0
    assert died(f"{here}:3", here, here, here) == -signal.SIGKILL


def test_of_a_list_each_life_takes_the_next() -> None:
    both = "outbox.append.after:2,outbox.append.before"
    assert died(both, "outbox.append.before", "outbox.append.after") == 0
    assert for_next_life(both) == "outbox.append.before"
    assert for_next_life(for_next_life(both)) == ""


@pytest.mark.parametrize("wrong", ["nowhere", "outbox.append.after:", "outbox.append.after:0", "outbox.append.after:x"])
def test_a_place_that_is_not_there_is_refused_and_the_places_are_named(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"ingest\.append\.before, ingest\.append\.after"):
        kill_at(wrong)


def test_production_does_not_start_with_it() -> None:
    environ = {"HANDRAISER_KILL_AT": "outbox.append.after"}
    assert read_settings(environ).kill_at == "outbox.append.after"
    with pytest.raises(SettingsError, match="unset it in production"):
        read_settings(environ | {"HANDRAISER_ENV": "production"})
