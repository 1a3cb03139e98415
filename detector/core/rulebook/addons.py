"""The section `addons`: what an account may buy beside its plan."""

from typing import Final

from detector.core.rulebook import forms, shapes
from detector.core.rulebook.model import AddOn
from detector.core.rulebook.terms import PRICE, Known, amounts, features, price
from detector.core.rulebook.tree import Node

ADDONS_MAX: Final = 100
ADDON: Final[forms.Keys] = {
    "price": forms.said(PRICE, "A month, in `currency`; or `ask`"),
    "per": forms.said(forms.TEXT, "What the price is for besides, such as seat"),
    "adds": forms.said(forms.named(forms.AMOUNT), "limit: how much more of it each one allows"),
    "gives": forms.said(forms.listed(forms.TEXT), "The features that it includes"),
}
_LATER: Final = ("for", "if", "allows")


def addons(node: Node | None, known: Known) -> dict[str, AddOn]:
    report = known.report
    built = {}
    for name, entry in shapes.bounded(shapes.entries(node, "addons", report), "add-ons", ADDONS_MAX, report).items():
        what = f"add-on '{name}'"
        shapes.name_ok(entry.key, "an add-on", report)
        values = shapes.fields(entry.value, what, ADDON, _LATER, report)
        if values is None:
            continue
        if not {"adds", "gives"} & values.keys() and not shapes.waits(entry.value, _LATER):
            report.refuse(entry.value.at, "missing", f"{what} adds nothing", "Add: adds: {storage: 50 GB}, or gives: [a_feature]")
        if "price" in values:
            price(values["price"], what, report)
        if "per" in values:
            shapes.text(values["per"], f"`per` of {what}", report)
        more = amounts(values.get("adds"), "adds", what, known)
        built[name] = AddOn(name, more, features(values.get("gives"), f"`gives` of {what}", what, known))
    return built
