"""Rulebooks that Hypothesis makes up, as the oracle reads them: small ones, with low thresholds, of few events."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.truth import looks
from tests.truth.looks import DATES, LENGTHS, LIMITS_BY_NAME, SEVERAL, TEXTS, values_of
from tests.truth.looks import rules as of_rules

TITLES, TOPICS = ["CTO", "Intern"], ["pricing", "weather"]
WINDOWS = ["1h", "1d", "3d", "7d"]
EVENTS: dict[str, Any] = {
    "signed": "Signed Up",
    "imported": ["Imported", {"of": "Uploaded", "where": ("compare", "properties.ok", "==", True)}],
    "sent": "Sent",
    "asked": ["Asked", {"of": "Ticket", "where": ("compare", "properties.topic", "==", "pricing")}],
}
LIMITS: dict[str, Any] = {
    "contacts": {"last": "properties.total", "of": "Counted", "refused": "Count Refused"},
    "emails": {"count": "Emailed", "resets": "month", "refused": ["Send Refused"]},
}
KINDS: list[dict[str, Any]] = [
    {"last": "properties.total", "of": "Measured", "worst_by": "properties.viewer"},
    {"last": "properties.total", "of": "Measured", "worst_by": "properties.viewer", "unit": "bytes"},
    {"max": "properties.total", "of": "Counted", "each": "count", "unit": "s", "refused": "Count Refused"},
    {"sum": "properties.total", "of": ["Counted", "Measured"], "resets": "month", "unit": "m"},
    {"distinct": "properties.viewer", "of": ["Shared", "Measured"], "resets": "month"},
    {"distinct": "person", "of": ["Counted", "Emailed", "sent"], "resets": "month"},
]
ALLOWED: dict[str | None, list[Any]] = {
    None: [2, 3, 10],
    "bytes": [10, "16 B", "1 KB"],
    "s": [10, "16s"],
    "m": ["10m", "1h", 20],
}
FEATURES: dict[str, Any] = {
    "ai": {"used": "AI Opened", "refused": "AI Refused"},
    "ab": {"used": ["AB Opened", "AI Opened"]},  # one event can be the use of both
}
PLANS: dict[str, Any] = {
    "free": {"stage": "free", "price": 0, "allows": {"contacts": 10, "emails": 3}, "has": []},
    "standard": {"stage": "paying", "price": 20, "allows": {"contacts": 20, "emails": 6}, "has": ["ai"]},
    "premium": {"stage": "paying", "price": 90, "allows": {"contacts": "none"}, "has": ["ai", "ab"]},
}
TRIALS: list[dict[str, Any]] = [
    {"stage": "trial", "like": "premium", "days": 14, "then": "free"},
    {"stage": "trial", "like": "standard", "days": 3, "then": "free"},
    {"stage": "trial", "like": "premium", "days": 3, "then": "standard"},
    {"stage": "trial", "like": "standard"},
]
LEAD_TYPES = {name: {"to": "sales", "answer_in": "1h", "do": "x"} for name in ("sales_sql", "service_sql", "pql", "xql", "mql")}
LEAD_TYPES["product"] = {"to": "product", "answer_in": "1h", "do": "x"}
STEPS: list[list[Any]] = [
    ["80%", "100%", "refused"],
    ["50%", "100%", "150%"],
    [{"50%": "product"}, "100%"],
    [{"80%": "mql"}, {"refused": "sales_sql"}, "100%"],
    [{"80%": "product"}, {"100%": "product"}, "80%"],
]
CLOSE = {"won": ("compare", "plan.change", "==", "up"), "lost": ("compare", "plan.change", "==", "down")}
SELECTORS = [
    *("imported", "sent", "Shared", "active"),
    {"of": "Ticket", "where": ("compare", "properties.topic", "==", "pricing")},
    {"of": "Ticket", "where": ("or", ("look", "properties.topic", "matches", "PRI|w"), ("missing", "properties.topic"))},
    {"of": "Shared", "where": ("look", "properties.viewer", "contains", "A")},
]

NUMBERS: list[dict[str, Any]] = [
    *({"count": of} for of in (*SELECTORS, "premium")),
    *({"distinct": "day", "of": of} for of in ("active", "sent", "premium")),
    *({"distinct": "person", "of": of} for of in ("active", "imported", "premium")),
    {"distinct": "feature", "of": "premium"},
    {"distinct": "properties.viewer", "of": "Shared"},
]
LASTS: list[dict[str, Any]] = [
    {"last": "properties.mood", "of": "Surveyed"},
    {"last": "properties.total", "of": ["Counted", "Surveyed"]},
]
ABSENCES: list[dict[str, Any]] = [
    {"absent": "imported", "after": "signed", "within": "3d"},
    {"absent": "sent", "after": "Counted", "within": "1d"},
    {"absent": ["sent", "imported"], "after": ["signed", "Shared"], "within": "1h"},
]
COUNTS_OPERATORS = [">=", ">=", ">=", ">", "==", "<", "<=", "!="]


@st.composite
def limits(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """`names`: the measures that a limit may be there for."""
    found = {name: dict(limit) for name, limit in LIMITS.items()}
    if draw(st.booleans()):
        found["more"] = dict(draw(st.sampled_from(KINDS)))
    for limit in found.values():
        if draw(st.integers(0, 4)) == 0:
            limit["at"] = draw(st.sampled_from(STEPS))
        if draw(st.integers(0, 5)) == 0:
            of_measure = [("compare", name, draw(st.sampled_from([">=", "<"])), draw(st.integers(1, 2))) for name in names]
            limit["if"] = draw(
                st.sampled_from([*of_measure, ("compare", "account.size", ">=", 10), ("compare", "stage", "==", "free")])
            )
    return found


def _with_more(plans: dict[str, Any], limit: dict[str, Any], draw: st.DrawFn) -> dict[str, Any]:
    """The plans with what they allow of the limit `more`."""
    amounts = [*ALLOWED[limit.get("unit")], "none"]
    return {
        name: {**plan, "allows": {**plan["allows"], "more": draw(st.sampled_from(amounts))}} if "allows" in plan else plan
        for name, plan in plans.items()
    }


@st.composite
def _varied(draw: st.DrawFn, plan: dict[str, Any], limits: list[str]) -> Any:
    """A plan, now and then with steps of its own, with tolerance, or with other terms before and after some day."""
    plan = dict(plan)
    if draw(st.integers(0, 3)) == 0:
        plan["at"] = {draw(st.sampled_from(limits)): draw(st.sampled_from(STEPS))}
    if draw(st.integers(0, 3)) == 0 and "like" not in plan:
        plan["tolerance"] = {draw(st.sampled_from(limits)): draw(st.sampled_from(["10%", "50%"]))}
    if draw(st.integers(0, 3)) != 0 or plan["stage"] == "trial":
        return plan
    others = draw(st.lists(st.sampled_from([5, 10, 40]), min_size=1, max_size=2))
    dates = [{}, *({"from": day} for day in ("2026-05-29", "2026-06-03"))]
    terms = [plan, *({**plan, "allows": {**plan["allows"], "contacts": n}, "has": ["ab"]} for n in others)]
    if draw(st.booleans()):
        terms[-1] = {**terms[-1], "at": {draw(st.sampled_from(limits)): draw(st.sampled_from(STEPS))}}
    return [{**date, **each} for date, each in zip(dates, draw(st.permutations(terms)), strict=False)]


SOURCES: list[dict[str, Any]] = [
    {"from": "account.tier"},
    {"from": "account.tier", "since": "account.tier_since"},
    {"from": "properties.tier", "of": "Plan Changed"},
    {"from": "properties.tier", "of": "Plan Changed", "since": "properties.since"},
]
ADDONS: dict[str, Any] = {
    "pack": {"price": 5, "adds": {"contacts": 10, "emails": 1}},
    "robot": {"price": 5, "gives": ["ai"], "adds": {"contacts": 5}},
}


@st.composite
def measures(draw: st.DrawFn) -> dict[str, Any]:
    found = {}
    for number in range(draw(st.integers(1, 3))):
        measure = draw(st.sampled_from([*NUMBERS, *LASTS, *ABSENCES * 2]))
        window = draw(st.sampled_from([None, *WINDOWS])) if "absent" not in measure else None
        found[f"m{number}"] = measure if window is None else {**measure, "window": window}
    return found


def _of_measure(name: str, measure: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    if "absent" in measure:
        return [st.just(("is", name)), st.just(("is", name)), st.just(("compare", name, "==", False))]
    if measure.get("last") == "properties.mood":
        return [st.tuples(st.just("compare"), st.just(name), st.sampled_from(["==", "!="]), st.sampled_from(["good", "bad", 3]))]
    if "last" in measure:
        return [st.tuples(st.just("compare"), st.just(name), st.sampled_from([">=", "<"]), st.sampled_from([8, 10]))]
    compare = st.tuples(st.just("compare"), st.just(name), st.sampled_from(COUNTS_OPERATORS), st.integers(1, 3))
    several = values_of(name, measure["distinct"]) if measure.get("distinct") in SEVERAL else []
    return [compare, compare, st.tuples(st.just("between"), st.just(name), st.just(1), st.integers(1, 2)), *several * 2]


def _of_state(book: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    plans, stages = list(book["plans"]), ["free", "free", "paying", "trial", "unknown", "visitor", "churned"]
    found: list[st.SearchStrategy[Any]] = [
        st.tuples(st.just("compare"), st.just("stage"), st.sampled_from(["==", "==", "!="]), st.sampled_from(stages)),
        st.tuples(st.just("in"), st.just("plan"), st.lists(st.sampled_from(plans), min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("compare"), st.just("plan.change"), st.just("=="), st.sampled_from(["up", "down"])),
        st.tuples(st.just("compare"), st.just("account.size"), st.sampled_from([">=", "<"]), st.just(10)),
        st.tuples(st.just("compare"), st.just("person.title"), st.sampled_from(["==", "!="]), st.sampled_from(TITLES)),
        st.just(("is", "onboarding.done")),
        st.tuples(st.just("compare"), st.just("onboarding.took"), st.just("<="), st.just(("duration", "1d"))),
    ]
    lengths = st.sampled_from(["1h", "1d", "3d"]).map(lambda length: ("duration", length))
    lasting = ["stage.for", "plan.for", "paying.for", *["trial.quiet"] * 3 * ("trial" in plans)]
    found += [st.tuples(st.just("compare"), st.sampled_from(lasting), st.sampled_from([">=", ">=", ">", "<", "<="]), lengths)] * 2
    if "trial" in plans:
        found += [
            st.tuples(st.just("compare"), st.just("trial.left"), st.sampled_from(["<=", "<=", "<", ">", ">="]), LENGTHS)
        ] * 4
    return found


OF_WORST = st.tuples(st.just("compare"), st.just("limit.worst"), st.sampled_from(["==", "!="]), st.sampled_from(["a", 1]))
OF_LIMIT: list[st.SearchStrategy[Any]] = [
    st.tuples(
        st.just("compare"), st.just("limit.percent"), st.sampled_from([">=", "<"]), st.sampled_from([("%", 50), ("%", 80)])
    ),
    st.tuples(st.just("compare"), st.just("limit.used"), st.sampled_from([">=", "=="]), st.integers(2, 8)),
    st.just(("compare", "limit.refused", ">=", 2)),
    OF_WORST,
    *[
        st.tuples(
            st.just("compare"),
            st.just("limit.full_in"),
            st.sampled_from(["<=", ">="]),
            st.sampled_from([("duration", "3d"), ("duration", "14d")]),
        )
    ]
    * 2,
]
OF_EVENT: list[st.SearchStrategy[Any]] = [
    st.tuples(st.just("compare"), st.just("properties.topic"), st.sampled_from(["==", "!="]), st.sampled_from(TOPICS)),
    st.just(("compare", "properties.total", ">=", 8)),
    st.sampled_from(looks.OF_EVENT),
]


def conditions(
    book: dict[str, Any], extra: list[st.SearchStrategy[Any]], looked_at: Sequence[str] = ()
) -> st.SearchStrategy[Any]:
    """One line of `when`. `looked_at`: other rules that it may name."""
    of_measures = [each for name, measure in book["measures"].items() for each in _of_measure(name, measure)]
    known, state = st.one_of(*of_measures), st.one_of(*_of_state(book))
    kinds = [known, known, known, state, state, state, TEXTS, TEXTS, DATES, DATES, LIMITS_BY_NAME, *extra, *extra]
    leaf = st.sampled_from([*kinds, *[of_rules(looked_at)] * 5] if looked_at else kinds).flatmap(lambda of: of)
    together = st.tuples(st.sampled_from(["and", "or"]), leaf, leaf)
    return st.one_of(leaf, leaf, leaf, st.tuples(st.just("not"), leaf), together, st.tuples(st.just("not"), together))


@st.composite
def rules(draw: st.DrawFn, book: dict[str, Any], before: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    form = draw(st.sampled_from(["when", "when", "at", "at", "at", "event", "each"]))
    family = draw(st.sampled_from(["usage_limit", "usage_growth", "upgrade_intent"]))
    rule: dict[str, Any] = {"lead": "sales_sql"} if draw(st.integers(0, 4)) == 0 else {"family": family}
    rule["say"] = "x"
    guards = 0
    if form in ("at", "each"):
        rule["each"] = "limit"
    if form == "at":
        rule["at"] = draw(st.sampled_from([["80%", "100%", "refused"], ["50%", "100%"], ["refused"], ["80%"], *STEPS[1:]]))
        guards = draw(st.sampled_from([0, 0, 0, 0, 1]))
    elif form == "event":
        rule["event"] = draw(st.sampled_from([["asked"], ["Ticket"], ["asked", "Count Refused"]]))
        guards = draw(st.integers(0, 1))
    else:
        guards = draw(st.sampled_from([1, 1, 2]))
    if guards:
        extra = {"event": OF_EVENT, "when": []}.get(form, OF_LIMIT * 4)
        looked_at = [name for name, each in before.items() if not {"each", "event"} & each.keys()]
        rule["when"] = draw(st.lists(conditions(book, extra, looked_at), min_size=guards, max_size=guards))
    for key, values in (("cooldown", [None, None, "2d", "3d", "25h"]), ("lateness", [None, None, "1h", "12h"])):
        value = draw(st.sampled_from(values))
        if value is not None:
            rule[key] = value
    return rule


@st.composite
def rulebooks(draw: st.DrawFn) -> dict[str, Any]:
    """Lateness of a rule is 24 hours unless it says less."""
    plans = dict(PLANS)
    if draw(st.booleans()):
        plans["trial"] = draw(st.sampled_from(TRIALS))
    counted = draw(measures())
    capped = draw(limits([name for name, measure in counted.items() if "count" in measure or "distinct" in measure]))
    if "more" in capped:
        plans = _with_more(plans, capped["more"], draw)
    plans = {name: draw(_varied(plan, list(capped))) for name, plan in plans.items()}
    book: dict[str, Any] = {
        "project": "acme-mail",
        "events": EVENTS,
        "limits": capped,
        "features": FEATURES,
        "plans": plans,
        "addons": ADDONS,
        "onboarding": {"steps": draw(st.sampled_from([["signed", "imported"], ["imported", "sent"]])), "within": "3d"},
        "lead_types": LEAD_TYPES,
        "measures": counted,
    }
    if draw(st.sampled_from([True, True, False])):
        book["no_plan"] = "free"
    source = draw(st.sampled_from([*[None] * 4, *SOURCES]))
    if source is not None:
        book["plan"] = source
    if draw(st.booleans()):
        book["close"] = CLOSE
    found: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.sampled_from([3, 2, 1]))):
        found[f"r{number}"] = draw(rules(book, found))
    book["rules"] = dict(draw(st.permutations(list(found.items()))))
    return book
