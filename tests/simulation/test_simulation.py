"""Many seeded lives of an installation on one simulated clock, each compared with its calm run and a replay of its log."""

import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest

import detector.backfilling
import detector.commander
import detector.programs
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from runtime.points import POINTS
from tests.simulation.chaos import FAULTS
from tests.simulation.runs import BACKFILLED, HAPPENED, Runs

SOAK = os.environ.get("HANDRAISER_SOAK") == "1"
SEEDS = 500 if SOAK else 120
SWITCHES = 500 if SOAK else 20
"""Seeds of lives in which rulebooks change."""
PARTS = 10 if SOAK else 1
"""A part is a test of its own, so that the workers of a test run share them."""
TIMES_MIN = 20 if SOAK else 8
"""What is to be seen, each fault, and a crash at each point must have happened so often, or the run has shown nothing of it."""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """On a file system in memory where there is one: nothing here is about disks."""
    ids = count()
    monkeypatch.setattr(secrets, "token_hex", lambda n: f"{next(ids):0{2 * n}x}")  # chance, too, comes from the seed
    # Every start of a detector reads and compiles the same rulebook: 60 ms each time.
    read_once = cache(lambda text: parse(text, {}))
    compiled: dict[str, Program] = {}
    monkeypatch.setattr(detector.programs, "parse", lambda text, _bases: read_once(text))
    monkeypatch.setattr(
        detector.programs,
        "compile_rulebook",
        lambda *of: compiled.get(repr(of)) or compiled.setdefault(repr(of), compile_rulebook(*of)),
    )
    monkeypatch.setattr(detector.backfilling, "NEAR_RECORDS", 2)  # lives are short: else all is read where its end is
    monkeypatch.setattr(detector.commander, "WAIT_S", 0)  # what became of a command is looked up in the end
    logging.disable(logging.CRITICAL)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        runs = Runs(Path(folder))
        yield runs
        runs.close()
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(3 * SEEDS)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_the_same_leads_come_of_it_and_all_are_told(runs: Runs, part: int) -> None:
    for seed in range(part * SEEDS, (part + 1) * SEEDS):
        try:
            runs.play(seed)
        except BaseException as error:
            error.add_note(f"This was seed {seed}: `runs.play({seed})` plays it alone.")
            raise
    print(f"{SEEDS} seeds, {runs.leads} leads")
    happened = {what: runs.happened[what] for what in HAPPENED}
    happened |= {fault: runs.faults[fault] for fault in FAULTS}
    happened |= {f"crash at {label}": runs.crashes[label] for label in POINTS if label != BACKFILLED}
    for what, times in happened.items():
        print(f"{times:8} × {what}")
    assert set(runs.faults) <= set(FAULTS)
    assert {what: times for what, times in happened.items() if times < TIMES_MIN} == {}


@pytest.mark.timeout(3 * SEEDS)
def test_rulebooks_change_anywhere_in_a_life_and_a_calm_life_and_verify_find_the_same_leads(runs: Runs) -> None:
    for seed in range(SWITCHES):
        try:
            runs.switch(seed)
        except BaseException as error:
            error.add_note(f"This was seed {seed}: `runs.switch({seed})` plays it alone.")
            raise
    print({what: runs.happened[what] for what in sorted(runs.happened)})
    for what in ("version 1", "version 2", "version 3", "found by a rule that was switched on"):
        assert runs.happened[what] >= TIMES_MIN, what
    assert runs.happened["the log was read again"] >= SWITCHES
    assert runs.happened["died when it was"] >= SWITCHES // 4


def test_the_same_seed_is_the_same_life(runs: Runs) -> None:
    counts = []
    for _ in range(2):
        runs.faults.clear()
        runs.crashes.clear()
        runs.play(7)
        counts.append((dict(runs.faults), dict(runs.crashes)))
    assert counts[0] == counts[1]
