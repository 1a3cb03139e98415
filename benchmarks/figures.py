"""The figures that have a goal: each measures ours, its bound and its peers in turn, run by run, and gives rows of the table."""

import statistics
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks import idle, ingest, latency
from benchmarks.events import Shape
from benchmarks.filling import FRAME_EVENTS, fill
from benchmarks.hops import PERSONS, fill_cold, run_hops
from benchmarks.load import CONNECTIONS
from benchmarks.measure import percentile
from benchmarks.ours import run_detector
from benchmarks.peers.engines import ENGINES
from benchmarks.peers.install import CannotInstallError, install
from benchmarks.peers.run import Feed, run_peer
from benchmarks.pipeline import BOUND_EVENTS, bound, ground
from benchmarks.steady import Steady
from benchmarks.table import Beside, Failed, Row, whole

Figure = Callable[["Effort"], Sequence[Row | Failed]]
ALONE_TAKES = 4
"""Times as long as in a frame: so many times fewer events last as long."""
KINDS = {"embedded": "embedded log, SQLite", "kafka": "Kafka, PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. Events come after the warm-up; `steady_s`: ours lasts at least so long, a peer half of it."""

    runs: int = 5
    warm_up: int = 500_000
    events: int = 5_000_000
    peer_events: int = 2_000_000
    hop_events: int = 2_000_000
    steady_s: float = 20.0
    ingest_s: float = 2.0
    leads: int = 100
    rest_s: float = 5.0


class InTurn:
    """Engines that are run one after the other, again and again. One that fails is left out from then on, with the reason."""

    def __init__(self) -> None:
        self.runs: defaultdict[str, list[Steady]] = defaultdict(list)
        self.failed: dict[str, str] = {}

    def run(self, name: str, engine: Callable[[], Steady], steady_s: float) -> None:
        """Its steady state must last for `steady_s`, or it says nothing."""
        if name in self.failed:
            return
        try:
            found = engine()
            assert found.wall_s >= steady_s, f"a steady state of {found.wall_s:.0f} s, not {steady_s:.0f}: it needs more events"
            self.runs[name].append(found)
        except Exception as error:  # whatever an engine does wrong, the others go on
            traceback.print_exc()
            self.failed[name] = f"{type(error).__name__}: {error}"

    def beside(self, name: str, title: str) -> Beside | None:
        return None if name in self.failed else Beside(title, self.a_core(name), self.notes(name))

    def a_core(self, name: str) -> list[float]:
        return [run.a_core for run in self.runs[name]]

    def notes(self, name: str) -> str:
        wall = statistics.median(run.a_second for run in self.runs[name])
        return f"{whole(wall)}/s wall; {max(run.memory_mb for run in self.runs[name]):,.0f} MB resident at most"


@dataclass(frozen=True, slots=True)
class Detector:
    """The pipeline on Kafka and PostgreSQL, beside `peers`."""

    shape: Shape
    goal: str
    peers: Sequence[str] = ()
    frame_events: int = FRAME_EVENTS

    def __call__(self, effort: Effort) -> list[Row | Failed]:
        shape, turns, bounds = replace(self.shape, warm_up=effort.warm_up), InTurn(), list[float]()
        feed = self._feed(shape, effort, turns)
        with ground("kafka") as one:
            events = effort.events // (ALONE_TAKES if self.frame_events == 1 else 1)
            filled = fill(one, shape, events, frame_events=self.frame_events, also=[feed.add] if feed else [])
            if feed:
                feed.close()
            for _ in range(effort.runs):
                turns.run("ours", partial(run_detector, one, filled), effort.steady_s)
                bounds.append(bound(one.settings, min(filled.events, BOUND_EVENTS)))
                if feed:
                    for name in self.peers:
                        turns.run(name, partial(run_peer, name, feed), effort.steady_s / 2)
        frames = "one event a record" if self.frame_events == 1 else f"{self.frame_events} a frame"
        figure = f"detector, Kafka → PostgreSQL, {self.shape}, events of {filled.bytes_each} bytes, {frames}: events/s a core"
        return self._rows(figure, turns, bounds)

    def _feed(self, shape: Shape, effort: Effort, turns: InTurn) -> Feed | None:
        """The peers' topic; None without peers, or where they cannot be installed."""
        try:
            if self.peers:
                install()
                return Feed(shape, effort.peer_events)
        except CannotInstallError as error:
            turns.failed.update(dict.fromkeys(self.peers, str(error)))
        return None

    def _rows(self, figure: str, turns: InTurn, bounds: list[float]) -> list[Row | Failed]:
        """One a peer, or one."""
        failed = [Failed(ENGINES[name].title, turns.failed[name]) for name in self.peers if name in turns.failed]
        if "ours" in turns.failed:
            return [Failed(figure, turns.failed["ours"]), *failed]
        row = Row(figure, turns.a_core("ours"), self.goal, bound=Beside("poll and decode", bounds), notes=turns.notes("ours"))
        peers = [turns.beside(name, ENGINES[name].title) for name in self.peers if name not in turns.failed] or [None]
        return [*(replace(row, figure="the same runs" if n else figure, peer=peer) for n, peer in enumerate(peers)), *failed]


@dataclass(frozen=True, slots=True)
class Hops:
    """Both hops beside one: the same events, which name no account or name it, each from the start of the process.

    For the first hop may run ahead of the second, so that there is no moment in between from which both could be measured.
    """

    def __call__(self, effort: Effort) -> list[Row | Failed]:
        turns, shape = InTurn(), replace(Shape(), persons=PERSONS, warm_up=0)
        with ground("kafka") as one, ground("kafka") as two:
            named, unnamed = (fill_cold(of, shape, effort.hop_events, named=of is one) for of in (one, two))
            for _ in range(effort.runs):
                turns.run("one", partial(run_detector, one, named), effort.steady_s)
                turns.run("both", partial(run_hops, two, unnamed), effort.steady_s)
        figure = "both hops, events that name no account, from a cold start: events/s a core"
        if turns.failed:
            return [Failed(figure, "; ".join(turns.failed.values()))]
        beside = turns.beside("one", "one hop, the same events with their account")
        return [Row(figure, turns.a_core("both"), "≥ 60 % of one hop", bound=beside, notes=turns.notes("both"))]


@dataclass(frozen=True, slots=True)
class Ingest:
    """Acknowledged after durable, beside bare FastAPI."""

    kind: str

    def __call__(self, effort: Effort) -> list[Row]:
        goals = {100: "≥ 100,000", 1: "≥ 60 % of the bound, ≥ 2,500/s"}
        found: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        with ingest.ours(self.kind) as ours, ingest.bound() as bare:
            for _ in range(effort.runs):
                for size in goals:
                    found["ours", size].append(ours.rate(size, effort.ingest_s).a_core)
                    found["bare", size].append(bare.rate(size, effort.ingest_s).a_core)
        where = f"ingest, {KINDS[self.kind]}, {CONNECTIONS} connections"
        return [
            Row(
                f"{where}, {size} event{'s' if size > 1 else ''} a request: events/s a core",
                found["ours", size],
                goal,
                bound=Beside("bare FastAPI", found["bare", size]),
            )
            for size, goal in goals.items()
        ]


@dataclass(frozen=True, slots=True)
class Latency:
    """POST to verified webhook."""

    kind: str
    goal: str

    def __call__(self, effort: Effort) -> list[Row]:
        with latency.stack(self.kind) as stack:
            runs = [stack.times(effort.leads) for _ in range(effort.runs)]
        background = latency.BATCH * latency.BATCHES_PER_S
        where = f"POST → verified webhook, {KINDS[self.kind]}, {background:,} events/s beside it, {effort.leads} leads a run"
        return [
            Row(f"{where}: p{share * 100:.0f}, ms", [percentile(run, share) for run in runs], goal, write="{:.1f}".format)
            for share, goal in ((0.5, "–"), (0.99, self.goal))
        ]


def at_rest(effort: Effort) -> list[Row]:
    runs = [idle.measure(effort.rest_s) for _ in range(effort.runs)]
    return [
        Row("`handraiser up` on an empty folder: ready, s", [run.start_s for run in runs], "< 3 s", write="{:.2f}".format),
        Row("the same: memory of all processes, MB", [run.memory_mb for run in runs], "< 250 MB"),
        Row("the same: CPU at rest, of a core", [run.cpu for run in runs], "< 2 %", write="{:.2%}".format),
    ]


EVERY = tuple(ENGINES)
SHORT: dict[str, Figure] = {
    "detector": Detector(Shape(), "≥ 110,000", ("kafka-streams",)),
    "ingest": Ingest("embedded"),
    "latency, embedded": Latency("embedded", "p99 < 50 ms"),
    "latency, Kafka": Latency("kafka", "p99 < 100 ms"),
    "idle": at_rest,
}
LONG: dict[str, Figure] = {
    "detector, all peers": Detector(Shape(), "≥ 110,000", EVERY),
    "detector, one event a record": Detector(Shape(), "–", frame_events=1),
    "detector, 10,000 accounts": Detector(Shape(10_000), "–"),
    "detector, 50,000 accounts": Detector(Shape(50_000), "≥ 75,000", EVERY),
    "detector, 1 M accounts": Detector(
        Shape(1_000_000, "zipf"), "cost < 1.5 × that of 10,000 accounts; < 1 GB", ("kafka-streams",)
    ),
    "detector, 1 M accounts, uniform": Detector(Shape(1_000_000), "–"),
    "hops": Hops(),
    "ingest, Kafka": Ingest("kafka"),
}
