"""Amounts in the unit of a limit: as a rulebook writes them, and as a text says them."""

import pytest

from detector.core import words
from detector.core.rulebook import units


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("5m", "s", 300),
        ("90s", "m", 1.5),
        ("1w", "d", 7),
        ("300", "s", 300),
        ("5 GB", "bytes", 5_000_000_000),
        ("1.5GiB", "bytes", 1_610_612_736),
        ("2 KiB", "bytes", 2_048),
        ("100 B", "bytes", 100),
        ("12.5", "bytes", 12.5),
        ("5 GB", "s", None),
        ("5m", "bytes", None),
        ("5m", None, None),
        ("5 credits", "credits", None),
        ("-3", None, None),
        ("2 PB", "bytes", None),
        ("1 PB", "bytes", 10**15),
        ("5 gb", "bytes", None),
    ],
)
def test_an_amount_is_read_in_the_unit_of_its_limit(text: str, unit: str | None, amount: float | None) -> None:
    assert units.amount(text, unit) == amount


@pytest.mark.parametrize(
    ("amount", "unit", "said"),
    [
        (290, "s", "4 minutes 50 seconds"),
        (300, "s", "5 minutes"),
        (1, "s", "1 second"),
        (0.25, "s", "0.25 seconds"),
        (0, "s", "0 seconds"),
        (3_601, "s", "1 hour"),
        (90_000, "s", "1 day 1 hour"),
        (-90, "s", "-1 minute 30 seconds"),
        (1.5, "d", "1 day 12 hours"),
        (4_870_000_000, "bytes", "4.87 GB"),
        (999, "bytes", "999 bytes"),
        (-1_500, "bytes", "-1.5 KB"),
        (1_250, "credits", "1,250 credits"),
        (1_250, None, "1,250"),
        (1e16, "s", "10,000,000,000,000,000 s"),
    ],
)
def test_a_text_says_an_amount_as_people_do(amount: float, unit: str | None, said: str) -> None:
    assert words.amount(amount, unit) == said


@pytest.mark.parametrize("unit", [*units.UNITS_MS, "bytes", "credits", None])
@pytest.mark.parametrize("amount", [1.7976931348623157e308, -1e308, 5e-324, 1e15, -1e15, 0.1])
def test_any_number_that_an_event_can_carry_can_be_said(amount: float, unit: str | None) -> None:
    assert words.amount(amount, unit)
