"""The section `payload`: which traits a lead carries to its receivers beside what it was made of, by part and name."""

import re
from collections.abc import Mapping
from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.names import PERSON_NAMES
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Node, Scalar, kind_of

NAMES_MAX: Final = 12
"""Of one part: a payload stays small."""
_TRAIT_PATTERN: Final = r"(account|person)\.[\w$]{1,100}"
_TRAIT: Final = re.compile(_TRAIT_PATTERN)
_TRAITS: Final[forms.Form] = forms.named(forms.matching(_TRAIT_PATTERN, 108, "person.goal"), NAMES_MAX)
PAYLOAD: Final[forms.Keys] = {
    "told_us": forms.said(_TRAITS, "What they said of themselves: name -> trait, as it is now"),
    "source": forms.said(_TRAITS, "Where they came from: name -> trait, as it was said first"),
    "crm": forms.said(_TRAITS, "Your CRM's own ids: name -> trait, as it is now"),
}


def payload(node: Node | None, report: Report) -> Mapping[str, Mapping[str, str]]:
    """Part -> name -> trait (`person.goal`)."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return {}
    values = shapes.fields(node, "`payload`", PAYLOAD, (), report) or {}
    return {part: _traits(each, part, report) for part, each in values.items()}


def _traits(node: Node, part: str, report: Report) -> Mapping[str, str]:
    found = shapes.entries(node, part, report)
    if len(found) > NAMES_MAX:
        message = f"{len(found)} names in `{part}` of `payload`: there is room for {NAMES_MAX}"
        report.refuse(node.at, "too_many", message, "Keep those that sales looks at")
        return {}
    traits = {}
    for name, entry in found.items():
        shapes.name_ok(entry.key, f"a value in `{part}`", report)
        trait = entry.value
        if isinstance(trait, Scalar) and _TRAIT.fullmatch(trait.text) and trait.text not in PERSON_NAMES:
            traits[name] = trait.text
        else:
            message = f"'{name}' in `{part}` is a trait of the person or account, found {kind_of(trait)}"
            report.refuse(trait.at, "value", message, f"Write: {name}: person.{name}, or account.{name}")
    return traits
