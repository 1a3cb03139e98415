"""The section `noise`: how much sales is spared. `quiet_after` decides of leads; the caps go with them, to who tells of them."""

from collections.abc import Mapping
from typing import Final

from contracts.messages import Brake, Cap, Caps
from detector.core.rulebook import forms, shapes, units
from detector.core.rulebook.model import Noise
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Fields, Node, Scalar, kind_of

LEADS_MAX: Final = 1_000_000
PER_MS_MAX: Final = 366 * 86_400_000
"""The notifier remembers for so long whom it told of what."""
TIMES_MAX: Final = 1_000
QUIET_AFTER: Final[forms.Keys] = {
    "rejected": forms.said(forms.DURATION, "Sales said no to it"),
    "won": forms.said(forms.DURATION, "It was won, as sales said or your events show"),
    "lost": forms.said(forms.DURATION, "It was lost, as sales said or your events show"),
    "recycled": forms.said(forms.DURATION, "Sales handed it back"),
    "expired": forms.said(forms.DURATION, "Nobody attended to it"),
}
"""What can become of a lead, other than that another takes its place or that it never held."""
_LEADS: Final = forms.said(forms.whole(1, LEADS_MAX), "At most so many")
CAP: Final[forms.Keys] = {"leads": _LEADS, "per": forms.said(forms.DURATION, "In so long")}
_TIMES: Final[forms.Form] = {**forms.NUMBER, "minimum": 1, "maximum": TIMES_MAX}
BRAKE: Final[forms.Keys] = {
    "leads": _LEADS,
    "times": forms.said(_TIMES, "Or so many times the hourly mean of the week before, if that is more"),
}
_NONE: Final = forms.words(("none",))
_CAPPED: Final = ("account", "person", "endpoint")
NOISE: Final[forms.Keys] = {
    "account": forms.said(forms.either(forms.record(CAP), _NONE), "How many leads of one account people hear of, or `none`"),
    "person": forms.said(forms.either(forms.record(CAP), _NONE), "How many about one person, or `none`"),
    "endpoint": forms.said(forms.either(forms.record(CAP), _NONE), "How many go to one endpoint, or `none`"),
    "brake": forms.said(forms.either(forms.record(BRAKE), _NONE), "How many an hour in a storm, or `none`"),
    "quiet_after": forms.said(forms.record(QUIET_AFTER), "How long no further lead of a type is made after such an outcome"),
}


def noise(node: Node | None, report: Report) -> Noise:
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return Noise()
    values = shapes.fields(node, "`noise`", NOISE, (), report) or {}
    caps = {name: _cap(values[name], f"the cap of noise for each {name}", report) for name in _CAPPED if name in values}
    brake = _brake(values["brake"], report) if "brake" in values else None
    after = values.get("quiet_after")
    quiet = {} if after is None else quiet_after(after, "`quiet_after`", report)
    found = Caps(account=caps.get("account"), person=caps.get("person"), endpoint=caps.get("endpoint"), brake=brake)
    return Noise(None if found == Caps() else found, quiet)


def quiet_after(node: Node, what: str, report: Report) -> Mapping[str, int]:
    """Outcome -> for how long (ms) it is followed by silence."""
    values = shapes.fields(node, what, QUIET_AFTER, (), report) or {}
    found = {name: shapes.duration(values[name], f"`{name}` of {what}", report) for name in values}
    return {name: length for name, length in found.items() if length is not None}


def _cap(node: Node, what: str, report: Report) -> Cap | None:
    values = _bound(node, what, CAP, {"leads": "1", "per": "14d"}, report)
    leads = _leads(values["leads"], what, report) if "leads" in values else None
    per = shapes.duration(values["per"], f"`per` of {what}", report) if "per" in values else None
    if per is not None and per > PER_MS_MAX:
        report.refuse(values["per"].at, "value", f"`per` of {what} is at most 366d", "Write a shorter time: per: 90d")
    return None if leads is None or per is None else Cap(leads=leads, per_ms=per)


def _brake(node: Node, report: Report) -> Brake | None:
    what = "the brake of noise"
    values = _bound(node, what, BRAKE, {"leads": "20", "times": "5"}, report)
    leads = _leads(values["leads"], what, report) if "leads" in values else None
    times = shapes.number(values["times"], f"`times` of {what}", report) if "times" in values else None
    if times is not None and not 1 <= times <= TIMES_MAX:
        report.refuse(values["times"].at, "value", f"`times` of {what} is from 1 to {TIMES_MAX:,}", "Write: times: 5")
    return None if leads is None or times is None else Brake(leads=leads, times=float(times))


def _bound(node: Node, what: str, keys: forms.Keys, needs: Mapping[str, str], report: Report) -> Mapping[str, Node]:
    """Its values; none where there is to be no bound."""
    if isinstance(node, Scalar) and node.text == "none":
        return {}
    values = shapes.fields(node, what, keys, (), report) or {}
    if isinstance(node, Fields):
        shapes.require(values, node, what, needs, report)
    return values


def _leads(node: Node, what: str, report: Report) -> int | None:
    value = units.number(node.text) if isinstance(node, Scalar) and node.plain else None
    if value is not None and float(value).is_integer() and 1 <= value <= LEADS_MAX:
        return int(value)
    report.refuse(node.at, "value", f"`leads` of {what} is a whole number from 1, found {kind_of(node)}", "Write: leads: 1")
    return None
