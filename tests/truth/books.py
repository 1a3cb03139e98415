"""Rulebooks that Hypothesis makes up, as the oracle reads them: small ones, with low thresholds, of few events."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.truth import looks
from tests.truth import strategies as st
from tests.truth.looks import DATES, LENGTHS, LIMITS_BY_NAME, SEVERAL, TEXTS, values_of
from tests.truth.looks import rules as of_rules

TITLES, TOPICS = ["CTO", "Intern"], ["pricing", "weather"]
EMAILS = ["ada@gmail.com", "info@big.example", "Bo@Big.example", "nobody"]
EVA = "eva@staff.example"
"""Somebody whose id is an address."""
WINDOWS = [{"window": length} for length in ("1h", "1d", "3d", "7d")]
PERIODS = [{"window": period} for period in ("day", "week", "month", "billing period")]
DURING = [{"during": text} for text in ("first 1d of signed", "day 2 of Counted", "first 3d of imported", "week 1 of Shared")]
ZONES = [None, "Europe/Berlin", "America/New_York"]
EVENTS: dict[str, Any] = {
    "signed": "Signed Up",
    "imported": ["Imported", {"of": "Uploaded", "where": ("compare", "properties.ok", "==", True)}],
    "sent": ["Sent", {"page": "/sent"}],
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
RESETS = ["month", "month", "day", "week", "year", "billing period", "never"]
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
STEPS_OF_LIMITS: list[list[Any]] = [
    ["80%", "100%", "refused"],
    ["50%", "100%", "150%"],
    [{"50%": "product"}, "100%"],
    [{"80%": "mql"}, {"refused": "sales_sql"}, "100%"],
    [{"80%": "product"}, {"100%": "product"}, "80%"],
]
CLOSE = {"won": ("compare", "plan.change", "==", "up"), "lost": ("compare", "plan.change", "==", "down")}
PAGE = {"page": "/pricing*"}
ASKED = {"of": "Ticket", "where": ("compare", "properties.topic", "==", "pricing")}
SOUGHT = {"of": "Ticket", "where": ("or", ("look", "properties.topic", "matches", "PRI|w"), ("missing", "properties.topic"))}
VIEWED = {"of": "Shared", "where": ("look", "properties.viewer", "contains", "A")}
SELECTORS = ["imported", "sent", "Shared", "active", ASKED, SOUGHT, VIEWED, PAGE]

NUMBERS: list[dict[str, Any]] = [
    *({"count": of} for of in (*SELECTORS, "premium")),
    *({"distinct": "day", "of": of} for of in ("active", "sent", "premium")),
    *({"distinct": "person", "of": of} for of in ("active", "imported", "premium")),
    {"distinct": "feature", "of": "premium"},
    {"distinct": "properties.viewer", "of": "Shared"},
]
CALCULATED: list[dict[str, Any]] = [
    *({how: "properties.minutes", "of": ["Counted", "Surveyed"]} for how in ("sum", "min", "max")),
    {"distinct": "person.title", "of": "active"},
    {"distinct": "person", "of": "active", "most_by": "person.title"},
    {"distinct": "person", "of": "active", "most_by": "person.email_domain"},
    {"distinct": "person.email_kind", "of": "active"},
]
DURATIONS: list[dict[str, Any]] = [
    {"since": "signed"},
    {"since": ["Counted", "Shared"]},
    {"elapsed": "imported", "after": "signed"},
    {"elapsed": "Counted", "after": ["Shared", "sent"]},
]
STEPS: list[dict[str, Any]] = [
    {"sequence": ["signed", "imported", "sent"], "within": "3d"},
    {"sequence": ["Counted", "Counted"], "within": "1d"},
    {"all": ["sent", "Shared", "Counted"], "within": "7d"},
    {"all": ["signed", "imported"], "within": "1h"},
]
STREAKS: list[dict[str, Any]] = [
    {"streak": "day", "of": "active"},
    {"streak": "day", "of": "sent"},
    {"streak": "week", "of": "Shared"},
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


ONBOARDINGS: list[dict[str, Any]] = [
    {"steps": ["signed", "imported"], "within": "3d"},
    {"steps": ["imported", "sent"], "within": "1d", "by": "person"},
    {"steps": ["imported", {"shares": 2}], "within": "3d", "by": "account"},
    {"steps": ["imported", {"viewers": 2}, {"members": 2}]},
]
OF_STEPS: dict[str, Any] = {
    "shares": {"count": "Shared"},
    "viewers": {"distinct": "properties.viewer", "of": "Shared"},
    "members": {"distinct": "person", "of": "active"},
}
"""What onboarding may count."""


@st.composite
def limits(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """`names`: the measures that a limit may be there for."""
    found = {name: dict(limit) for name, limit in LIMITS.items()}
    if draw(st.booleans()):
        found["more"] = dict(draw(st.sampled_from(KINDS)))
    found["emails"]["resets"] = draw(st.sampled_from(RESETS))
    for limit in found.values():
        if draw(st.integers(0, 4)) == 0:
            limit["at"] = draw(st.sampled_from(STEPS_OF_LIMITS))
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
        plan["at"] = {draw(st.sampled_from(limits)): draw(st.sampled_from(STEPS_OF_LIMITS))}
    if draw(st.integers(0, 3)) == 0 and "like" not in plan:
        plan["tolerance"] = {draw(st.sampled_from(limits)): draw(st.sampled_from(["10%", "50%"]))}
    if draw(st.integers(0, 3)) != 0 or plan["stage"] == "trial":
        return plan
    others = draw(st.lists(st.sampled_from([5, 10, 40]), min_size=1, max_size=2))
    dates = [{}, *({"from": day} for day in ("2026-05-29", "2026-06-03"))]
    terms = [plan, *({**plan, "allows": {**plan["allows"], "contacts": n}, "has": ["ab"]} for n in others)]
    if draw(st.booleans()):
        terms[-1] = {**terms[-1], "at": {draw(st.sampled_from(limits)): draw(st.sampled_from(STEPS_OF_LIMITS))}}
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
        measure = draw(st.sampled_from([*NUMBERS, *CALCULATED, *LASTS, *ABSENCES * 2, *STREAKS, *DURATIONS, *STEPS]))
        window = (
            draw(st.sampled_from([{}, *WINDOWS, *PERIODS, *DURING]))
            if not {"absent", "streak", "since", "elapsed", "sequence", "all"} & measure.keys()
            else {}
        )
        found[f"m{number}"] = {**measure, **window}
    return found


DROPS: list[Any] = [
    ("in", "person.email_domain", ["staff.example"]),
    ("compare", "properties.topic", "==", "weather"),
    ("and", ("is", "properties.ok"), ("not", ("compare", "person.email_kind", "==", "role"))),
    ("or", ("compare", "properties.total", ">=", 16), ("compare", "properties.viewer", "==", "a")),
]
NOISES: list[dict[str, Any]] = [
    {"quiet_after": {"rejected": "3d", "won": "1d", "expired": "1h"}},
    {"account": {"leads": 1, "per": "14d"}, "quiet_after": {"lost": "14d", "recycled": "2d"}},
]


def _of_measure(name: str, measure: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    if "since" in measure or "elapsed" in measure:
        return [st.tuples(st.just("compare"), st.just(name), st.sampled_from([">=", ">", "<", "<="]), LENGTHS)]
    if {"absent", "sequence", "all"} & measure.keys():
        return [st.just(("is", name)), st.just(("is", name)), st.just(("compare", name, "==", False))]
    if measure.get("last") == "properties.mood":
        return [st.tuples(st.just("compare"), st.just(name), st.sampled_from(["==", "!="]), st.sampled_from(["good", "bad", 3]))]
    if "last" in measure or "min" in measure or "max" in measure or "sum" in measure:
        return [st.tuples(st.just("compare"), st.just(name), st.sampled_from([">=", ">", "<"]), st.sampled_from([8, 10, 16]))]
    compare = st.tuples(st.just("compare"), st.just(name), st.sampled_from(COUNTS_OPERATORS), st.integers(1, 3))
    several = values_of(name, measure["distinct"]) if measure.get("distinct") in SEVERAL and "most_by" not in measure else []
    return [compare, compare, st.tuples(st.just("between"), st.just(name), st.just(1), st.integers(1, 2)), *several * 2]


def _compared(name: str, measure: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    """A measure beside itself."""
    found: list[st.SearchStrategy[Any]] = []
    if "window" in measure:
        found.append(
            st.tuples(st.just("compare"), st.just(f"{name}.earlier"), st.sampled_from([">=", "==", "<"]), st.integers(1, 3))
        )
    if measure.keys() & {"count", "distinct", "sum", "min", "max"}:
        found.append(st.tuples(st.just("compare"), st.just(f"{name}.rising_weeks"), st.sampled_from([">=", "<"]), st.just(1)))
    return found


def _of_state(book: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    plans, stages = list(book["plans"]), ["free", "free", "paying", "trial", "unknown", "visitor", "churned"]
    found: list[st.SearchStrategy[Any]] = [
        st.tuples(st.just("compare"), st.just("stage"), st.sampled_from(["==", "==", "!="]), st.sampled_from(stages)),
        st.tuples(st.just("in"), st.just("plan"), st.lists(st.sampled_from(plans), min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("compare"), st.just("plan.change"), st.just("=="), st.sampled_from(["up", "down"])),
        st.tuples(st.just("compare"), st.just("account.size"), st.sampled_from([">=", "<"]), st.just(10)),
        st.tuples(st.just("compare"), st.just("person.title"), st.sampled_from(["==", "!="]), st.sampled_from(TITLES)),
        st.tuples(
            st.just("compare"), st.just("person.email_kind"), st.just("=="), st.sampled_from(["free_mail", "role", "business"])
        ),
        st.just(("in", "person.email_domain", ["big.example", "staff.example"])),
        st.just(("is", "onboarding.done")),
        st.tuples(st.just("compare"), st.just("onboarding.took"), st.just("<="), st.just(("duration", "1d"))),
    ]
    lasting = ["stage.for", "plan.for", "paying.for", *["trial.quiet"] * 3 * ("trial" in plans)]
    found += [st.tuples(st.just("compare"), st.sampled_from(lasting), st.sampled_from([">=", ">=", ">", "<", "<="]), LENGTHS)] * 2
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
    of_measures += [each for name, measure in book["measures"].items() for each in _compared(name, measure)]
    known, state = st.one_of(*of_measures), st.one_of(*_of_state(book))
    kinds = [known, known, known, state, state, state, TEXTS, TEXTS, DATES, DATES, LIMITS_BY_NAME, *extra, *extra]
    leaf = st.any_of([*kinds, *[of_rules(looked_at)] * 5] if looked_at else kinds)
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
        rule["at"] = draw(
            st.sampled_from([["80%", "100%", "refused"], ["50%", "100%"], ["refused"], ["80%"], *STEPS_OF_LIMITS[1:]])
        )
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
    more = {"mode": "shadow", "at_least": "warm"}
    return rule | {key: more[key] for key in more if draw(st.integers(0, 7)) == 0}


def _suppressions(book: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Of accounts and of people; the first must be likely to be met."""
    likely = [
        ("compare", "account.size", ">=", 10),
        ("compare", "person.title", "==", "Intern"),
        ("compare", "stage", "==", "paying"),
    ]
    return st.one_of(st.sampled_from(likely), st.sampled_from(likely), conditions(book, []))


@st.composite
def _spared(draw: st.DrawFn, book: dict[str, Any]) -> dict[str, Any]:
    """Whom sales hears nothing of, and how soon it hears of somebody again."""
    found: dict[str, Any] = {}
    if draw(st.integers(0, 2)) == 0:
        found["suppress"] = draw(st.lists(_suppressions(book), min_size=1, max_size=2))
    if draw(st.booleans()):
        found["drop_events"] = draw(st.sampled_from([*([each] for each in DROPS), DROPS[:2], DROPS[2:]]))
    if draw(st.integers(0, 4)) == 0:
        found["noise"] = draw(st.sampled_from(NOISES))
    if draw(st.integers(0, 2)) == 0:
        expires = draw(st.sampled_from(["5d", "1d", "12h"]))
        found["lead_types"] = {name: {**lead_type, "expires": expires} for name, lead_type in LEAD_TYPES.items()}
    return found


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
    zone = draw(st.sampled_from(ZONES))
    book: dict[str, Any] = {
        "project": "acme-mail",
        **({} if zone is None else {"timezone": zone}),
        "billing_day": "account.billed",
        "events": EVENTS,
        "limits": capped,
        "features": FEATURES,
        "plans": plans,
        "addons": ADDONS,
        "onboarding": draw(st.sampled_from(ONBOARDINGS)),
        "lead_types": LEAD_TYPES,
        "measures": {**counted, **OF_STEPS},
    }
    if draw(st.sampled_from([True, True, False])):
        book["no_plan"] = "free"
    source = draw(st.sampled_from([*[None] * 4, *SOURCES]))
    if source is not None:
        book["plan"] = source
    if draw(st.booleans()):
        book["close"] = CLOSE
    book |= draw(_spared(book))
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
