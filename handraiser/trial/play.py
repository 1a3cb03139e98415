"""Plays the pretend customer over HTTP and compares what came back: in, an address and two keys; out, a verdict."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from handraiser.errors import CommandError
from handraiser.trial.scenario import Event, Outcome, Scenario, Step, iso
from runtime.clock import Clock

DEADLINE_S = 60.0
STEP_S = 10.0
"""A lead that is missing may not keep the later ones from being asked for."""
LOOK_S = 0.1
"""How often the catcher is asked."""
SETTLE_S = 1.0
"""After the last expected lead: long enough for one that must not come."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`missing` and `unexpected` are empty if exactly the expected changes came back."""

    arrived: tuple[Outcome, ...]
    missing: tuple[Outcome, ...]
    unexpected: tuple[Outcome, ...]
    took_s: float

    @property
    def good(self) -> bool:
        return not self.missing and not self.unexpected


@dataclass(frozen=True, slots=True)
class Target:
    """A running `up --try`."""

    url: str
    write_key: str
    api_key: str


class Interrupted(Exception):  # noqa: N818 - nothing went wrong
    """The process is stopping: the rest of the story is not told."""


class Player:
    """One play of one scenario. `wait(seconds)` is the only way that time passes here; it raises Interrupted to end early."""

    def __init__(self, target: Target, clock: Clock, wait: Callable[[float], None], on_step: Callable[[Step], None]) -> None:
        self._target = target
        self._clock = clock
        self._wait = wait
        self._on_step = on_step
        token = base64.b64encode(f"{target.write_key}:".encode()).decode()
        self._send_headers = {"Authorization": f"Basic {token}"}
        self._read_headers = {"Authorization": f"Bearer {target.api_key}"}

    def play(self, scenario: Scenario, fast: bool) -> Verdict:
        """The past first; then each step, once the leads of the step before it are back. Raises CommandError, Interrupted."""
        began = self._clock()
        deadline = began + int(DEADLINE_S * 1000)
        with httpx.Client(base_url=self._target.url, timeout=10, trust_env=False) as http:
            self._caught(http)  # a server without a catcher, or another's key, is found before anything is sent
            self._send(http, scenario.past)
            due: set[Outcome] = set()
            for step in scenario.steps:
                if not fast:
                    self._wait(step.after_s)
                self._on_step(step)
                now = iso(self._clock())
                self._send(http, [{**event, "timestamp": now} for event in step.events])
                due |= set(step.outcomes)
                self._until_arrived(http, scenario, due, min(deadline, self._clock() + int(STEP_S * 1000)))
            self._until_arrived(http, scenario, due, deadline)
            if due <= set(self._arrived(http, scenario)):
                self._wait(SETTLE_S)
            arrived = self._arrived(http, scenario)
        return verdict(scenario.expected, arrived, (self._clock() - began) / 1000)

    def _until_arrived(self, http: httpx.Client, scenario: Scenario, due: set[Outcome], deadline: int) -> None:
        while not due <= set(self._arrived(http, scenario)) and self._clock() < deadline:
            self._wait(LOOK_S)

    def _arrived(self, http: httpx.Client, scenario: Scenario) -> list[Outcome]:
        outcomes = [outcome_of(message["payload"]) for message in self._caught(http)]
        return [outcome for outcome in outcomes if outcome and outcome.account in scenario.accounts]

    def _caught(self, http: httpx.Client) -> list[dict[str, Any]]:
        response = self._answer(lambda: http.get("/catcher", headers=self._read_headers))
        rows: list[dict[str, Any]] = response.json()["data"]
        return rows

    def _send(self, http: httpx.Client, events: Sequence[Event]) -> None:
        body = {"batch": list(events), "sentAt": iso(self._clock())}
        answer = self._answer(lambda: http.post("/v1/batch", json=body, headers=self._send_headers)).json()
        if answer.get("rejected"):
            raise CommandError("rejected", f"The server rejected events of the pretend customer: {answer.get('errors')}")

    def _answer(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            response = request()
        except httpx.HTTPError as error:
            raise CommandError(
                "no_answer",
                f"No answer from {self._target.url} ({str(error) or type(error).__name__}). Start it: handraiser up --try",
            ) from error
        if response.status_code == 404:
            raise CommandError("no_catcher", f"{self._target.url} has no catcher. Start it with: handraiser up --try")
        if response.status_code == 401:
            raise CommandError(
                "unauthorized",
                f"{self._target.url} does not know these keys. Name its folder with --data or HANDRAISER_DATA, "
                "or set HANDRAISER_API_KEY and HANDRAISER_WRITE_KEY.",
            )
        if not response.is_success:
            raise CommandError(
                "http_error", f"{response.request.url.path} answered {response.status_code}: {response.text[:500]}"
            )
        return response


def verdict(expected: frozenset[Outcome], arrived: Sequence[Outcome], took_s: float) -> Verdict:
    """Every expected change once, and nothing else."""
    left = list(arrived)
    missing = []
    for outcome in sorted(expected, key=_order):
        if outcome in left:
            left.remove(outcome)
        else:
            missing.append(outcome)
    return Verdict(tuple(arrived), tuple(missing), tuple(left), took_s)


def outcome_of(payload: dict[str, Any]) -> Outcome | None:
    """What a webhook says, as an Outcome; None for one that is not about a lead (`endpoint.test`)."""
    data = payload.get("data") or {}
    account = (data.get("account") or {}).get("external_id")
    if not account or not str(payload.get("type", "")).startswith("lead."):
        return None
    return Outcome(str(account), str(data.get("lead_type")), str(payload["type"]))


def _order(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.account, outcome.lead_type, outcome.change
