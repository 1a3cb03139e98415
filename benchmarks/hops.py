"""Both hops: events that name no account, of persons that are known; attributed, appended again with their account, and judged.
Beside them one hop: the same events, which name it.

`python -m benchmarks.hops [--events N] [--accounts N] [--runs N]`, Kafka and PostgreSQL. The pipeline's events through one
detector on one core, which does both. Measured from the start of the process to the last lead event, for the first hop may run
ahead of the second, and everything that either has done must be counted. An account has one person: of several, whose events lie
in several partitions, a detector that is behind reads one long after the other, and then most are late (`--persons 8` shows it).
"""

import argparse
from collections.abc import Callable, Iterator

import msgspec
from kafka import KafkaAdminClient

from benchmarks.events import Shape
from benchmarks.filling import Filled, fill, switch_rulebook
from benchmarks.measure import report
from benchmarks.ours import patient_ground, run_detector
from benchmarks.pipeline import ground
from benchmarks.steady import Steady
from contracts.messages import EMPTY_OBJECT, EVENTS, UNATTRIBUTED, UsageEvent
from handraiser.ground import Ground
from tests.journey.product import wait_until

EVENTS_DEFAULT = 1_400_000
PERSONS = 1
DELETED_WITHIN_S = 30


def without_account() -> Callable[[UsageEvent], Iterator[tuple[str, UsageEvent]]]:
    """How an event is sent that names its person only; just before a person's first one, which account they belong to."""
    known: set[str] = set()

    def sent_as(event: UsageEvent) -> Iterator[tuple[str, UsageEvent]]:
        person = str(event.person)
        if person not in known:
            known.add(person)
            yield person, msgspec.structs.replace(event, id=f"group-{person}", type="group", name=None, properties=EMPTY_OBJECT)
        yield person, msgspec.structs.replace(event, account=None)

    return sent_as


def fill_cold(ground: Ground, shape: Shape, count: int, *, named: bool) -> Filled:
    """Nothing of it counts as warm-up. `named`: the events name their account, and need one hop."""
    filled = fill(ground, shape, count) if named else fill(ground, shape, count, topic=UNATTRIBUTED, sent_as=without_account())
    filled.marks.warm = {}
    return filled


def run_hops(ground: Ground, filled: Filled) -> Steady:
    """One run; what an earlier one has put into `events` is gone."""
    _recreate_events(ground)
    ground = patient_ground(ground.settings)
    switch_rulebook(ground, EVENTS)
    return run_detector(ground, filled)


def _recreate_events(ground: Ground) -> None:
    topic = ground.settings.topic_prefix + EVENTS
    admin = KafkaAdminClient(bootstrap_servers=ground.settings.kafka)
    admin.delete_topics([topic])
    wait_until(f"{topic} is deleted", lambda: topic not in admin.list_topics(), DELETED_WITHIN_S)
    admin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT)
    parser.add_argument("--accounts", type=int, default=Shape().accounts)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    shape = Shape(arguments.accounts, persons=arguments.persons, warm_up=0)
    with ground("kafka") as one, ground("kafka") as two:
        named, unnamed = (fill_cold(of, shape, arguments.events, named=of is one) for of in (one, two))
        rows = [("events", f"{unnamed.events:,}, {unnamed.bytes_each} bytes each without an account, {shape}")]
        for _ in range(arguments.runs):
            hop, hops = run_detector(one, named), run_hops(two, unnamed)
            rows += [("one hop", str(hop)), ("both hops", str(hops)), ("ratio", f"{hops.a_core / hop.a_core:.0%} of one hop")]
        report("Both hops", rows)


if __name__ == "__main__":
    main()
