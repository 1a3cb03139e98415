"""The section `noise`: how much sales is spared. Its caps are read and checked; of it `quiet_after` acts."""

from collections.abc import Mapping
from typing import Final

from detector.core.rulebook import forms, shapes, units
from detector.core.rulebook.model import Cap, Noise
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Fields, Node, Scalar, kind_of

LEADS_MAX: Final = 1_000_000
QUIET_AFTER: Final[forms.Keys] = {
    "rejected": forms.said(forms.DURATION, "Sales said no to it"),
    "won": forms.said(forms.DURATION, "It was won, as sales said or your events show"),
    "lost": forms.said(forms.DURATION, "It was lost, as sales said or your events show"),
    "recycled": forms.said(forms.DURATION, "Sales handed it back"),
    "expired": forms.said(forms.DURATION, "Nobody attended to it"),
}
"""What can become of a lead, other than that another takes its place or that it never held."""
CAP: Final[forms.Keys] = {
    "leads": forms.said(forms.whole(1, LEADS_MAX), "At most so many"),
    "per": forms.said(forms.DURATION, "In so long"),
}
_CAPPED: Final = ("account", "person", "endpoint")
NOISE: Final[forms.Keys] = {
    **{name: forms.said(forms.record(CAP), f"Leads for each {name}; does not act yet") for name in _CAPPED},
    "quiet_after": forms.said(forms.record(QUIET_AFTER), "How long no further lead of a type is made after such an outcome"),
}


def noise(node: Node | None, report: Report) -> Noise:
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return Noise()
    values = shapes.fields(node, "`noise`", NOISE, (), report) or {}
    caps = {name: _cap(values[name], name, report) for name in _CAPPED if name in values}
    after = values.get("quiet_after")
    quiet = {} if after is None else quiet_after(after, "`quiet_after`", report)
    return Noise(caps.get("account"), caps.get("person"), caps.get("endpoint"), quiet)


def quiet_after(node: Node, what: str, report: Report) -> Mapping[str, int]:
    """Outcome -> for how long (ms) it is followed by silence."""
    values = shapes.fields(node, what, QUIET_AFTER, (), report) or {}
    found = {name: shapes.duration(values[name], f"`{name}` of {what}", report) for name in values}
    return {name: length for name, length in found.items() if length is not None}


def _cap(node: Node, name: str, report: Report) -> Cap | None:
    what = f"the cap of noise for each {name}"
    values = shapes.fields(node, what, CAP, (), report)
    if values is None or not isinstance(node, Fields):
        return None
    shapes.require(values, node, what, {"leads": "1", "per": "14d"}, report)
    if node.at.base is None:
        message = f"{what} does not hold anything back yet"
        report.warn(node.at, "not_acting", message, "It is kept and will act in a later version; `quiet_after` acts now")
    leads = _leads(values["leads"], what, report) if "leads" in values else None
    per = shapes.duration(values["per"], f"`per` of {what}", report) if "per" in values else None
    return None if leads is None or per is None else Cap(leads, per)


def _leads(node: Node, what: str, report: Report) -> int | None:
    value = units.number(node.text) if isinstance(node, Scalar) and node.plain else None
    if value is not None and float(value).is_integer() and 1 <= value <= LEADS_MAX:
        return int(value)
    report.refuse(node.at, "value", f"`leads` of {what} is a whole number from 1, found {kind_of(node)}", "Write: leads: 1")
    return None
