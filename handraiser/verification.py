"""A report of `verify` in; its exit code, its JSON document, or lines for people, out."""

import json
from collections.abc import Iterator
from typing import Any

from contracts.messages import EVENTS
from detector.comparing import LeadDifference
from detector.core.differences import ABSENT
from detector.verify import Report
from handraiser.output import counted

AGREEMENT, MISMATCH, UNVERIFIABLE, ERASED = 0, 1, 3, 4
"""Exit codes. ERASED is kept for `erase`, which is not there yet."""
_OF_ANOTHER_RELEASE = (
    "what is shown are keys that the stored lead events do not have. If they are from before this release was installed, an "
    "earlier one made them without: verify with that one. Else "
)
VALUE_CHARACTERS_MAX = 300
_WORDS = {AGREEMENT: "agreement", MISMATCH: "mismatch", UNVERIFIABLE: "unverifiable"}
_REMEDY = (
    "if somebody changed the database by hand, put the recomputed values back, or restore a backup of the database together "
    "with its log. If nobody did, it is a defect of Handraiser: please report it with these lines. Nothing is repaired by "
    "itself, and what sales was told is not taken back."
)


def exit_code(report: Report) -> int:
    """A mismatch among what can be verified wins over what cannot be."""
    if report.differences_total:
        return MISMATCH
    return UNVERIFIABLE if report.unverifiable else AGREEMENT


def document(report: Report, took_s: float) -> dict[str, Any]:
    """For `--json`. `stored` or `recomputed` is left out where that side has nothing."""
    return {
        "result": _WORDS[exit_code(report)],
        "leads": report.leads,
        "lead_events": report.lead_events,
        "leads_differing": report.leads_differing,
        "leads_unverified": report.leads_unverified,
        "differences_total": report.differences_total,
        "differences": [
            {name: value for name, value in each._asdict().items() if value is not ABSENT} for each in report.differences
        ],
        "unverifiable": [{"topic": EVENTS, "partition": n, "reason": why} for n, why in sorted(report.unverifiable.items())],
        "events": report.events,
        "took_s": round(took_s, 3),
    }


def lines(report: Report, took_s: float) -> Iterator[str]:
    """What was read, what differs, what could not be verified, and what to do."""
    yield (
        f"Read {counted(report.events, 'event')} again in {took_s:.1f} s ({report.events / max(took_s, 0.001):,.0f} events/s). "
        f"Compared {counted(report.leads, 'lead')} and {counted(report.lead_events, 'recomputed lead event')}."
    )
    if report.differences_total:
        yield f"MISMATCH: {counted(report.leads_differing, 'lead')} not as the log says."
        yield from _differences(report)
        yield f"What to do: {_OF_ANOTHER_RELEASE if _lack_keys(report) else ''}{_REMEDY}"
    for number, why in sorted(report.unverifiable.items()):
        yield f"Unverifiable, {EVENTS}/{number}: {why}"
    if report.unverifiable:
        yield (
            f"{counted(report.leads_unverified, 'lead')} could not be recomputed. Of these only one thing was checked: that the "
            "row in the table leads says what the stored lead events say."
        )
    if exit_code(report) == AGREEMENT and not report.leads:
        yield (
            "Agreement, and of nothing: no lead is stored, and the log makes none. If you named a project or an account, see "
            "that it is spelt as in `handraiser leads list`."
        )
    elif exit_code(report) == AGREEMENT:
        yield "Agreement: every lead, its evidence and its life are as the log says."


def _lack_keys(report: Report) -> bool:
    return all(each.path and each.stored is ABSENT and each.where.startswith("lead event") for each in report.differences)


def _differences(report: Report) -> Iterator[str]:
    lead, where = "", ""
    for each in report.differences:
        if each.lead_id != lead:
            lead, where = each.lead_id, ""
            yield ""
            yield f"{each.lead_id}  {each.lead_type} of {each.account} (project {each.project})"
        if each.where != where:
            where = each.where
            yield f"  {where}{_whole(each)}"
        if each.path:
            yield f"    {each.path}"
            yield f"      stored:     {_value(each.stored)}"
            yield f"      recomputed: {_value(each.recomputed)}"
    more = report.differences_total - len(report.differences)
    yield f"\n{counted(more, 'more difference')}.\n" if more else ""


def _whole(each: LeadDifference) -> str:
    """What is said where not a value differs, but all of it is on one side only."""
    if each.path:
        return ""
    if each.stored is ABSENT:
        return f" is missing in the database. The log makes it: {each.recomputed}"
    return f" is in the database, and nothing in the log makes it: {each.stored}"


def _value(value: Any) -> str:
    text = str(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}… ({len(text):,} characters)"
