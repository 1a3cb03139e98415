"""The share of the busiest account, as the metric tells it."""

from pathlib import Path

from prometheus_client import REGISTRY

from contracts.columns import columns_of
from detector.busiest import LOOKED_AT, ONE_IN, Busiest
from detector.store import DetectorStore
from tests.detector.shell.samples import contacts
from tests.detector.shell.world import World


def ratio() -> float | None:
    return REGISTRY.get_sample_value("handraiser_detector_busiest_account_ratio")


def test_an_account_that_makes_a_fourth_of_all_events_shows_as_a_fourth_however_they_are_read() -> None:
    events = [contacts(f"m{n}", n, "hot" if n % 4 == 0 else f"acc-{n}") for n in range(LOOKED_AT * ONE_IN)]
    for size in (1, 37, len(events)):
        busiest = Busiest()
        for begin in range(0, len(events), size):
            busiest.look(columns_of(events[begin : begin + size]))
        assert ratio() == 0.25


def test_when_nothing_comes_any_more_the_share_is_nought(tmp_path: Path, calm_store: DetectorStore) -> None:
    """Whatever the database: these are many events."""
    world = World(tmp_path, calm_store)
    world.apply()
    world.send(*(contacts(f"m{n}", n, "hot") for n in range(LOOKED_AT * ONE_IN)))
    world.worker.run_once(0)
    assert ratio() == 1
    world.drain()
    assert ratio() == 0
    world.close()


def test_few_events_tell_nothing() -> None:
    before = ratio()
    busiest = Busiest()
    for n in range(LOOKED_AT * ONE_IN // 2):
        busiest.look(columns_of([contacts(f"m{n}", n, "only")]))
    assert ratio() == before
