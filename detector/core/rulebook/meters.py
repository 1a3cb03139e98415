"""What only some plans include: the section `features`."""

from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.model import Feature, Selector, Term
from detector.core.rulebook.selectors import PAGE_FORM, Context, page, selector
from detector.core.rulebook.tree import Node

FEATURES_MAX: Final = 500

FEATURE: Final[forms.Keys] = {
    "used": forms.said(forms.EVENTS, "Somebody used it"),
    "refused": forms.said(forms.EVENTS, "Your product said that the plan lacks it"),
    "page": forms.said(PAGE_FORM, "Somebody opened this page of it"),
}
_FEATURE_LATER: Final = ("screen", "label", "if")


def features(node: Node | None, context: Context) -> dict[str, Feature]:
    found = shapes.bounded(shapes.entries(node, "features", context.report), "features", FEATURES_MAX, context.report)
    built = {}
    for name, entry in found.items():
        what = f"feature '{name}'"
        shapes.name_ok(entry.key, "a feature", context.report)
        values = shapes.fields(entry.value, what, FEATURE, _FEATURE_LATER, context.report)
        if values is None:
            continue
        if not values and not shapes.waits(entry.value, _FEATURE_LATER):
            context.report.refuse(entry.value.at, "missing", f"{what} names no event", "Write: {used: Your Event}")
        used, refused = (selector(values[key], what, context) if key in values else Selector() for key in ("used", "refused"))
        path = page(values["page"], f"`page` of {what}", context.report) if "page" in values else None
        pages = () if path is None else (Term("", None, path),)
        built[name] = Feature(name, Selector((*used.terms, *pages)), refused)
    return built
