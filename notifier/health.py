"""The notifier's rows come in; its part of `/health` goes out."""

from collections.abc import Mapping
from typing import Any

from contracts.messages import LEAD_EVENTS
from eventlog.port import TopicPartition
from notifier.core.answers import ErrorKind, remedy
from notifier.core.payload import iso
from notifier.store import DISABLED, Endpoint, NotifierStore


def report(store: NotifierStore, ends: Mapping[TopicPartition, int], now: int, halted: str | None = None) -> dict[str, Any]:
    """The `notifier` object of `/health` at `now` (epoch milliseconds) and, under `problems`, what an operator can do.

    `ends`: offsets of `lead-events` that the next appends will get. `halted` is `Intake.halted`. Blocks: call it off the event
    loop.
    """
    taken_in = store.checkpoints(LEAD_EVENTS)
    lags = (end - (taken_in[at.partition].next_offset if at.partition in taken_in else 0) for at, end in ends.items())
    figures = store.history.figures(now)
    endpoints = store.endpoints()
    disabled = [each for each in endpoints if each.status == DISABLED]
    failing = [each for each in endpoints if each.status != DISABLED and each.failures > 0]
    unopened = [each for each in endpoints if each.status != DISABLED and each.id in store.deliveries.unopened]
    problems = (
        [_sealed(each) for each in unopened]
        + [_failing(each) for each in failing]
        + [_disabled(each) for each in disabled]
        + [_storm(*each) for each in store.history.storms()]
    )
    if halted is not None:
        do = "Follow the runbook's section intake_halted, then start the notifier again."
        problems.insert(0, {"code": "intake_halted", "since": None, "what": halted.removesuffix("."), "do": do})
    return {
        "status": "down" if halted else "degraded" if problems else "ok",
        "lag_events": sum(max(0, lag) for lag in lags),
        "pending": figures.pending,
        "first_try_p99_s": _p99_s(figures.first_tries_ms),
        "oldest_pending_s": None if figures.oldest_pending_at is None else max(0, now - figures.oldest_pending_at) // 1000,
        "held": figures.held,
        "capped": figures.capped,
        "dead_24h": figures.dead_24h,
        "endpoints": {
            "ok": len(endpoints) - len(failing) - len(disabled),
            "failing": len(failing),
            "breaker_open": sum(each.breaker_opened > 0 for each in failing),
            "disabled": len(disabled),
        },
        "problems": problems,
    }


def _failing(endpoint: Endpoint) -> dict[str, Any]:
    error = ErrorKind(endpoint.last_error) if endpoint.last_error else ErrorKind.CLOSED
    what = f"answers {endpoint.last_status}" if endpoint.last_status is not None else f"fails: {error}"
    if endpoint.breaker_opened:
        what += f"; its breaker is open until {iso(endpoint.breaker_until)}"
    return {
        "code": "endpoint_failing",
        "since": None if endpoint.failing_since is None else iso(endpoint.failing_since),
        "what": f"{endpoint.id} ({endpoint.site}) {what}",
        "do": remedy(error, endpoint.last_status),
    }


def _sealed(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "code": "endpoint_sealed",
        "since": None,
        "what": f"{endpoint.id} ({endpoint.site}) is sealed with a master key that this process does not have",
        "do": "Add that key to HANDRAISER_MASTER_KEY, after a comma, and start this process again; its leads wait.",
    }


def _disabled(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "code": "endpoint_disabled",
        "since": None if endpoint.failing_since is None else iso(endpoint.failing_since),
        "what": f"{endpoint.id} ({endpoint.site}) is disabled: {endpoint.disabled_reason}",
        "do": f"When its receiver is back: handraiser endpoints enable {endpoint.id}. What was held is then delivered.",
    }


def _storm(project: str, leads: int, since: int) -> dict[str, Any]:
    return {
        "code": "lead_storm",
        "since": iso(since),
        "what": f"{project} makes far more leads than in the week before: {leads} of them wait under its brake",
        "do": "See which: handraiser deliveries list --status capped. Then follow the runbook's section lead_storm.",
    }


def _p99_s(values_ms: list[int]) -> float | None:
    if not values_ms:
        return None
    ordered = sorted(values_ms)
    return ordered[(len(ordered) * 99 - 1) // 100] / 1000
