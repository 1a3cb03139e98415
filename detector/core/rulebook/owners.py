"""The section `owners`: whose a lead is when it is opened. Addresses and the names of segments in, checked ones out."""

import re
from typing import Final

from detector.core import emails
from detector.core.rulebook import forms, shapes
from detector.core.rulebook.model import Owners
from detector.core.rulebook.problems import Report
from detector.core.rulebook.selectors import Context
from detector.core.rulebook.tree import Entry, Fields, Items, Node, Scalar, kind_of, shortened

PEOPLE_MAX: Final = 200
"""Of one list."""
_TRAIT_PATTERN: Final = r"account\.[\w$]{1,100}"
_TRAIT: Final = re.compile(_TRAIT_PATTERN)
_ADDRESS: Final[forms.Form] = {
    "title": "e-mail address",
    "type": "string",
    "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s.]+$",
    "maxLength": emails.ADDRESS_MAX,
    "examples": ["ana@example.com"],
}
_PEOPLE: Final[forms.Form] = forms.either(_ADDRESS, {**forms.listed(_ADDRESS, PEOPLE_MAX), "minItems": 1})
OWNERS: Final[forms.Keys] = {
    "trait": forms.said(
        forms.matching(_TRAIT_PATTERN, 108, "account.owner_email"), "The trait of the account that names its owner, by e-mail"
    ),
    "segments": forms.said(
        forms.named(_PEOPLE, word=True), "Segment -> who shares its accounts; the first that an account is in counts"
    ),
    "else": forms.said(_PEOPLE, "Who shares all other accounts"),
}


def owners(node: Node | None, context: Context) -> Owners:
    """After the segments were read."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return Owners()
    report = context.report
    values = shapes.fields(node, "`owners`", OWNERS, (), report) or {}
    shared = shapes.entries(values.get("segments"), "segments", report)
    return Owners(
        trait=_trait(values["trait"], report) if "trait" in values else None,
        segments={name: _of_segment(name, entry, context) for name, entry in shared.items()},
        others=_people(values["else"], "`else` of `owners`", report) if "else" in values else (),
    )


def _trait(node: Node, report: Report) -> str | None:
    if isinstance(node, Scalar) and _TRAIT.fullmatch(node.text):
        return node.text
    message = f"`trait` of `owners` is a trait of the account, found {kind_of(node)}"
    report.refuse(node.at, "value", message, "Write: trait: account.owner_email")
    return None


def _of_segment(name: str, entry: Entry, context: Context) -> tuple[str, ...]:
    known = context.names.segments
    if name not in known:
        remedy = context.report.guess(name, known) or "Define it in `segments`, or list these people in `else`"
        context.report.refuse(entry.key.at, "unknown_name", f"there is no segment '{shortened(name)}'", remedy)
    return _people(entry.value, f"segment '{shortened(name)}' of `owners`", context.report)


def _people(node: Node, what: str, report: Report) -> tuple[str, ...]:
    """At least one, each once, as written: their order means nothing."""
    items = node.items if isinstance(node, Items) else (node,)
    if not items or isinstance(node, Fields):
        found = "an empty one" if isinstance(node, Items) else kind_of(node)
        report.refuse(node.at, "value", f"{what} is a list of e-mail addresses, found {found}", "Write: [ana@example.com]")
        return ()
    if len(items) > PEOPLE_MAX:
        message = f"{len(items)} addresses in {what}: a list has at most {PEOPLE_MAX}"
        report.refuse(node.at, "too_many", message, "Divide them by `segments`")
        return ()
    people: dict[str, str] = {}
    for item in items:
        address = emails.address(item.text) if isinstance(item, Scalar) else None
        if address is None:
            message = f"{what}: {kind_of(item)} is no e-mail address"
            report.refuse(item.at, "value", message, "Write it whole: ana@example.com")
        elif address.lower() in people:
            report.refuse(item.at, "value", f"{what}: {shortened(address)} stands there twice", "Keep one: all have equal shares")
        else:
            people[address.lower()] = address
    return tuple(people.values())
