"""The state machine: the schedule, Retry-After, and when a delivery may die."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.core.answers import Answer, ErrorKind, error_of
from notifier.core.delivery import (
    DEAD_AFTER_MS,
    DEAD_NEVER_BEFORE_MS,
    TRY_DELAYS_S,
    Settled,
    Status,
    retry_after_ms,
    settle,
)

HOUR_MS = 3600 * 1000
T0 = 1_800_000_000_000
FAILED = Answer(status=500, error=ErrorKind.HTTP_STATUS)


def said(status: int, retry_after: str | None = None) -> Answer:
    return Answer(status=status, error=error_of(status), retry_after=retry_after)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert settle(T0, 0, said(status), T0, 0.0) == Settled(Status.DELIVERED, 1)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 408, 425, 429, 500, 503, 599])
def test_anything_else_is_tried_again(status: int) -> None:
    assert settle(T0, 0, said(status), T0, 0.0) == Settled(Status.WAITING, 1, next_at=T0 + 5000)


def test_410_disables_the_endpoint_holds_the_delivery_and_spends_no_try() -> None:
    assert settle(T0, 3, said(410), T0, 0.0) == Settled(Status.HELD, 3)


def test_413_is_dead_for_that_message_alone() -> None:
    settled = settle(T0, 0, said(413, retry_after="5"), T0, 0.0)
    assert (settled.status, settled.pause_until) == (Status.DEAD, None)


@given(st.lists(st.floats(0, 1), min_size=20, max_size=20))
def test_the_tries_follow_the_schedule_and_jitter_only_lengthens(jitters: list[float]) -> None:
    now, tries, waits = T0, 0, [0]
    for jitter in jitters:
        settled = settle(T0, tries, FAILED, now, jitter)
        if settled.status is Status.DEAD:
            break
        assert settled.next_at is not None
        waits.append(settled.next_at - now)
        now, tries = settled.next_at, settled.tries
    assert len(waits) == len(TRY_DELAYS_S) == 11
    for wait, least_s in zip(waits, TRY_DELAYS_S, strict=True):
        assert least_s * 1000 <= wait <= least_s * 1100
    assert now - T0 >= DEAD_NEVER_BEFORE_MS == 75 * HOUR_MS


@given(
    age_ms=st.integers(0, 30 * 24 * HOUR_MS),
    tries=st.integers(0, 20),
    status=st.sampled_from([None, 302, 404, 429, 500, 503]),
    retry_after=st.one_of(st.none(), st.integers(0, 10**9).map(str)),
    jitter=st.floats(0, 1),
)
def test_no_failure_kills_before_75_hours_and_none_outlives_7_days(
    age_ms: int, tries: int, status: int | None, retry_after: str | None, jitter: float
) -> None:
    answer = Answer(error=ErrorKind.CONNECT_FAILED) if status is None else said(status, retry_after)
    settled = settle(T0, tries, answer, T0 + age_ms, jitter)
    assert settled.status in (Status.WAITING, Status.DEAD)
    if settled.status is Status.DEAD:
        assert age_ms >= DEAD_NEVER_BEFORE_MS
    else:
        assert age_ms < DEAD_AFTER_MS
        assert settled.next_at is not None
        assert settled.next_at > T0 + age_ms


def test_retry_after_is_honoured_pauses_the_endpoint_and_spends_no_try() -> None:
    settled = settle(T0, 2, said(503, retry_after="7200"), T0, 1.0)
    assert settled == Settled(Status.WAITING, 2, next_at=T0 + 2 * HOUR_MS, pause_until=T0 + 2 * HOUR_MS)


def http_date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 1),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 5000, 86400),
        (http_date(T0 + 90_000), 90),
        (http_date(T0 - 90_000), 1),
        (http_date(T0 + 90 * 24 * HOUR_MS), 86400),
        ("Fri, 15 Jan 2027 08:01:30 -0000", 90),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_up_to_a_day(header: str, wait_s: int) -> None:
    assert retry_after_ms(header, T0) == wait_s * 1000


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "²", "Fri, 99 Foo 2027 99:99:99 GMT", "١٢"])
def test_a_retry_after_that_says_nothing_is_left_aside(header: str | None) -> None:
    assert retry_after_ms(header, T0) is None


@given(st.text(max_size=60))
def test_no_retry_after_breaks_the_reader(header: str) -> None:
    wait = retry_after_ms(header, T0)
    assert wait is None or 1000 <= wait <= 24 * HOUR_MS
