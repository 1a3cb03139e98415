"""Dates as products send them, and when a condition about one turns."""

from typing import Literal

import pytest

from detector.core.instants import NEVER
from detector.core.measures.dates import date_ms, elapsed, next_elapsed

DAY = 86_400_000
MAY = 1_777_593_600_000  # 2026-05-01T00:00:00Z


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        ("2026-05-01", MAY),
        ("2026-05-01 00:00", MAY),
        ("2026-05-01T00:00:00Z", MAY),
        ("2026-05-01T02:00:00+02:00", MAY),
        ("2026-04-30T22:30:00.123456-0130", MAY + 123),
        ("1969-12-31", -DAY),
        ("0001-01-01T00:00:00+14:00", -62_135_647_200_000),
        ("9999-12-31", 253_402_214_400_000),
        (MAY // 1_000, MAY),
        (MAY / 1_000, MAY),
        (MAY, MAY),
        (20_260_501, None),
        (30, None),
        (-MAY, None),
        (1e15, None),
        (True, None),
        (None, None),
        ([MAY], None),
        ("2026-02-30", None),
        ("2026-13-01", None),
        ("2026-05-01T24:00", None),
        ("2026-05-01T10", None),
        ("2026-05-01T00:00:00+25:00", None),
        ("20260501", None),
        ("2026-W18-5", None),
        ("٢٠٢٦-05-01", None),
        ("1 May 2026", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_date_is_iso_or_epoch_and_nothing_else(value: object, ms: int | None) -> None:
    assert date_ms(value) == ms


@pytest.mark.parametrize("how", ["since", "until"])
@pytest.mark.parametrize("date", [MAY, None])
def test_between_two_turns_nothing_changes(how: Literal["since", "until"], date: int | None) -> None:
    """Of each comparison, millisecond by millisecond around all edges."""
    limits = (5, 9)

    def answers(t: int) -> list[bool]:
        gone = elapsed(how, date, t)
        return [gone is None] if gone is None else [holds for limit in limits for holds in (gone < limit, gone <= limit)]

    for t in range(MAY - 20, MAY + 20):
        turn = next_elapsed(how, date, t, limits)
        assert all(answers(later) == answers(t) for later in range(t, min(turn, MAY + 20)))
        assert turn > t
        assert turn != NEVER or answers(t) == answers(t + 10**12)
