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
LEAD_TYPES = {name: {"to": "sales", "answer_in": "1h", "do": "x"} for name in ("sales_sql", "service_sql", "pql", "xql")}
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
    if "trial" in plans:
        found += [
            st.tuples(st.just("compare"), st.just("trial.left"), st.sampled_from(["<=", "<=", "<", ">", ">="]), LENGTHS)
        ] * 4
    return found


OF_LIMIT: list[st.SearchStrategy[Any]] = [
    st.tuples(
        st.just("compare"), st.just("limit.percent"), st.sampled_from([">=", "<"]), st.sampled_from([("%", 50), ("%", 80)])
    ),
    st.tuples(st.just("compare"), st.just("limit.used"), st.sampled_from([">=", "=="]), st.integers(2, 8)),
    st.just(("compare", "limit.refused", ">=", 2)),
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


OF_SCORE: list[st.SearchStrategy[Any]] = [
    st.tuples(
        st.just("compare"),
        st.sampled_from(["score", "score", "score.behaviour", "score.fit"]),
        st.sampled_from([">=", ">=", ">=", ">", "<", "=="]),
        st.sampled_from([5, 6.67, 7.5, 10, 10, 15]),
    ),
    st.tuples(st.just("compare"), st.just("temperature"), st.sampled_from(["==", "!="]), st.sampled_from(["hot", "warm"])),
]


@st.composite
def scores(draw: st.DrawFn, book: dict[str, Any]) -> dict[str, Any]:
    """Few lines, so that one alone can decide; of the rules that are there, none of which looks at the score."""
    points = st.sampled_from([10, 10, 20, 20, 7.5, 15, -5, -10])
    counted = [*book["rules"], *(f"{name}/emails" for name, rule in book["rules"].items() if "each" in rule)]
    fades = st.sampled_from([None, "1d", "3d", "7d"])

    def line(kind: str) -> dict[str, Any]:
        made: dict[str, Any] = {"points": draw(points)}
        if kind == "if":
            made["if"] = draw(conditions(book, [st.just(("is", "segment.big"))]))
            return made
        if kind == "rule":
            made["rule"] = draw(st.sampled_from(counted))
        else:
            made["event"] = draw(st.sampled_from([["sent"], ["sent", "Shared"], ["imported", "Counted"]]))
            made["at_most"] = made["points"] * draw(st.sampled_from([1, 1.5, 2, 3]))
        fading = draw(fades)
        return made if fading is None else {**made, "fades": fading}

    kinds = draw(st.lists(st.sampled_from(["rule", "rule", "rule", "event", "event", "if"]), min_size=1, max_size=3))
    score: dict[str, Any] = {"hot": 15, "warm": 7.5, "behaviour": [line(kind) for kind in kinds]}
    if draw(st.booleans()):
        score["fit"] = [line("if")]
    if len(kinds) > 1 and draw(st.booleans()):
        for each in score["behaviour"]:
            each["group"] = "together"
        score["caps"] = {"together": 12.5}
    return score


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
        rule["at"] = draw(st.sampled_from([["80%", "100%", "refused"], ["50%", "100%"], ["refused"], ["80%"]]))
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
    book: dict[str, Any] = {
        "project": "acme-mail",
        "events": EVENTS,
        "limits": LIMITS,
        "features": FEATURES,
        "plans": plans,
        "onboarding": {"steps": draw(st.sampled_from([["signed", "imported"], ["imported", "sent"]])), "within": "3d"},
        "lead_types": LEAD_TYPES,
        "measures": draw(measures()),
    }
    if draw(st.sampled_from([True, True, False])):
        book["no_plan"] = "free"
    if draw(st.booleans()):
        book["close"] = CLOSE
    found: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.sampled_from([3, 2, 1]))):
        found[f"r{number}"] = draw(rules(book, found))
    book["rules"] = found
    if draw(st.sampled_from([True, True, False])):
        book["segments"] = {"big": ("compare", "account.size", ">=", 10)}
        book["score"] = draw(scores(book))
        simple: dict[str, Any] = {"lead": "sales_sql", "say": "x"}
        ready = draw(rules(book, found)) if draw(st.integers(0, 3)) == 0 else simple
        ready["when"] = [draw(st.one_of(*OF_SCORE)), *ready.get("when", [])[:1]]
        found["ready"] = ready
    book["rules"] = dict(draw(st.permutations(list(found.items()))))
    return book
