"""From YAML text to the checked rulebook: the shipped files, what `use` merges, what is asleep, the resolved text."""

import pytest

from contracts.messages import Brake, Cap, Caps
from detector.core.rulebook.measured import Absent, Counted, Distinct, Rolling
from detector.core.rulebook.model import Binary, Constant, Name, Not, Rule, Rulebook, Selector, Term, Type
from detector.core.rulebook.parse import Parsed, parse
from detector.core.rulebook.tree_walk import names_in
from detector.rulebooks import bases, trial

DAY = 86_400_000


def parsed(text: str) -> Parsed:
    """A project p on the shipped base."""
    return parse(f"project: p\nuse: b2b-saas@1\n{text}", bases())


def rule_of(rulebook: Rulebook, name: str) -> Rule:
    return next(rule for rule in rulebook.rules if rule.name == name)


def test_the_trial_is_a_whole_rulebook_with_nothing_asleep() -> None:
    book = parse(trial(), bases())
    rulebook = book.rulebook
    assert book.asleep == ()
    assert (rulebook.project, rulebook.currency, rulebook.no_plan) == ("acme-mail", "EUR", "free")
    assert [rule.name for rule in rulebook.rules] == [
        "limit",
        "limit-soon",
        "onboarded",
        "premium",
        "growth",
        "trial-ends",
        "upgrade-request",
        "sales-request",
        "came-back",
    ]
    assert [plan.name for plan in rulebook.plans] == ["free", "standard", "premium"]
    assert rulebook.plans[0].allows == {"contacts": 500, "emails": 1000}
    assert rulebook.plans[1].has == {"automations"}
    assert [kind.name for kind in rulebook.lead_types] == ["sales_sql", "service_sql", "pql", "xql", "mql"]
    assert rulebook.lists == {"staff": ("acme.example",), "money_topics": ("pricing", "limits", "plans")}


def test_limits_are_gauges_and_counters() -> None:
    limits = parse(trial(), bases()).rulebook.limits
    contacts, emails = limits["contacts"], limits["emails"]
    assert (contacts.kind, contacts.of_value, contacts.of) == (
        "gauge",
        "properties.total",
        Selector((Term("Contact Count Changed"),)),
    )
    assert (emails.kind, emails.of_value, emails.refused) == ("counter", None, Selector((Term("Send Refused"),)))
    assert parsed("limits: {api_calls: {count: C, resets: month}}").rulebook.limits["api_calls"].label == "api calls"


def test_events_are_a_name_a_list_a_filter_or_a_mixture() -> None:
    events = parsed('events: {a: A, b: [B, C], c: [D, {of: [E, F], where: properties.x == "y"}]}').rulebook.events
    assert events["a"] == Selector((Term("A"),))
    assert events["b"] == Selector((Term("B"), Term("C")))
    assert [(term.name, term.where and term.where.text) for term in events["c"].terms] == [
        ("D", None),
        ("E", 'properties.x == "y"'),
        ("F", 'properties.x == "y"'),
    ]


def test_a_measure_takes_names_from_events_or_the_products_own() -> None:
    events = "events: {sent: {of: Sent, where: properties.n > 1}}\n"
    m, n = "{count: [sent, Campaign Sent], window: 7d}", "{count: {of: sent, where: properties.n < 9}}"
    measures = parsed(f"{events}measures: {{m: {m}, n: {n}}}").rulebook.measures
    assert isinstance(measures["m"], Counted)
    assert isinstance(measures["n"], Counted)
    assert [(term.name, term.where and term.where.text) for term in measures["m"].of.terms] == [
        ("Sent", "properties.n > 1"),
        ("Campaign Sent", None),
    ]
    assert measures["m"].window == Rolling(7 * DAY)
    (both,) = measures["n"].of.terms
    assert both.where is not None
    assert both.where.text == "(properties.n > 1) and (properties.n < 9)"
    assert measures["n"].window is None


def test_measures_of_the_base() -> None:
    measures = parsed("").rulebook.measures
    assert measures["active_days"] == Distinct("active_days", Selector(builtin="active"), "day", Rolling(14 * DAY))
    assert measures["premium_names"] == Distinct("premium_names", Selector(builtin="premium"), "feature", Rolling(14 * DAY))


def test_a_last_is_whatever_the_property_is() -> None:
    book = parsed(
        "measures: {tone: {last: properties.tone, of: Rated}}\nrules: {mine: {lead: pql, when: [\"tone == 'bad'\"], say: x}}"
    )
    assert rule_of(book.rulebook, "mine").when[0].expr == Binary(
        "==", Name("tone", Type.ANY), Constant("bad", Type.TEXT), Type.BOOL
    )


def test_a_rule_of_the_project_changes_single_keys_of_the_bases_rule() -> None:
    limit_rule, onboarded_rule = "{at: [refused, 95%], cooldown: 2d}", '{say: "hello {account}"}'
    mine = "{lead: mql, event: [Asked], say: x}"
    book = parsed(f"rules:\n  limit: {limit_rule}\n  onboarded: {onboarded_rule}\n  mine: {mine}\n")
    limit, onboarded = rule_of(book.rulebook, "limit"), rule_of(book.rulebook, "onboarded")
    assert (limit.steps, limit.cooldown_ms, limit.family, limit.each_limit) == (
        {"": (0.95, "refused")},
        2 * DAY,
        "usage_limit",
        True,
    )
    assert onboarded.say == ("hello ", Name("account", Type.TEXT))
    assert [condition.text for condition in onboarded.when] == ["onboarding.done", "active_days >= 3"]
    assert [rule.name for rule in book.rulebook.rules][-1] == "mine"


def test_a_measure_of_the_project_replaces_the_bases_measure() -> None:
    measures = parsed("measures: {active_days: {distinct: person, of: active}}").rulebook.measures
    assert measures["active_days"] == Distinct("active_days", Selector(builtin="active"), "person", None)
    assert set(measures) == {"active_days", "active_people", "premium_days", "premium_names"}


def test_a_new_lead_type_is_the_weakest_unless_the_project_names_all() -> None:
    referral = 'referral: {to: sales, answer_in: 1h, do: "Call."}'
    assert [kind.name for kind in parsed(f"lead_types: {{{referral}}}").rulebook.lead_types][-1] == "referral"
    every = parsed(
        f"lead_types: {{sales_sql: {{}}, {referral}, service_sql: {{}}, pql: {{answer_in: 2h}}, xql: {{}}, mql: {{}}}}"
    ).rulebook
    assert [kind.name for kind in every.lead_types] == ["sales_sql", "referral", "service_sql", "pql", "xql", "mql"]
    assert [kind.answer_in_ms for kind in every.lead_types if kind.name == "pql"] == [7_200_000]


def test_an_empty_section_changes_nothing() -> None:
    assert parsed("rules:\nlists:\nnoise:\nsuppress:\ndrop_events:\n").rulebook == parsed("").rulebook


def test_whom_a_base_leaves_alone_is_replaced_as_a_whole_and_its_noise_key_by_key() -> None:
    rulebook = parsed("suppress: [account.is_partner]\ndrop_events: []\nnoise: {quiet_after: {won: 1d}}\n").rulebook
    assert [each.text for each in rulebook.suppress] == ["account.is_partner"]
    assert rulebook.drop_events == ()
    assert rulebook.noise.quiet_after == {"won": 86_400_000}
    assert rulebook.noise.caps == Caps(
        account=Cap(leads=1, per_ms=14 * 86_400_000),
        person=Cap(leads=2, per_ms=90 * 86_400_000),
        endpoint=Cap(leads=30, per_ms=86_400_000),
        brake=Brake(leads=20, times=5),
    )


def test_a_cap_of_the_base_is_taken_away_by_none() -> None:
    caps = parsed("noise: {account: none, person: none, brake: none}\n").rulebook.noise.caps
    assert caps == Caps(endpoint=Cap(leads=30, per_ms=86_400_000))
    assert parsed("noise: {account: none, person: none, endpoint: none, brake: none}\n").rulebook.noise.caps is None


def test_ways_to_an_account_are_read_in_their_order() -> None:
    assert parsed("").rulebook.account == ("group",)
    assert parsed("account: [domain, group]").rulebook.account == ("domain", "group")


def test_close_may_be_changed_key_by_key() -> None:
    rulebook = parsed("close: {won: stage == paying}").rulebook
    assert rulebook.close_won is not None
    assert rulebook.close_lost is not None
    assert (rulebook.close_won.text, rulebook.close_lost.text) == ("stage == paying", "plan.change == down")


def test_evidence_can_quote_a_condition_as_it_was_written() -> None:
    book = parsed("rules: {mine: {lead: pql, when: 'active_days  >=3 and  stage == free', say: x}}")
    (condition,) = rule_of(book.rulebook, "mine").when
    assert (condition.text, condition.line) == ("active_days  >=3 and  stage == free", 3)


def test_what_waits_for_an_unmapped_event_is_asleep_and_says_what_to_do() -> None:
    text = "events: {upgrade_requested: Up}\nlimits: {n: {last: properties.n, of: N}}\nfeatures: {f: {used: F}}\n"
    book = parsed(text + "onboarding: {steps: [upgrade_requested]}\n")
    found = [problem.located("r.yaml") for problem in book.asleep]
    remedy = "Say in `events` what your product calls it"
    assert found == [
        (
            "r.yaml:2:6: rule 'upgrade-request' waits for 'pricing_asked', which `events` does not map "
            f"(in b2b-saas@1, line 61). {remedy}: pricing_asked: Your Event Name"
        ),
        (
            "r.yaml:2:6: rule 'sales-request' waits for 'sales_requested', which `events` does not map "
            f"(in b2b-saas@1, line 65). {remedy}: sales_requested: Your Event Name"
        ),
    ]
    upgrade = rule_of(book.rulebook, "upgrade-request")
    assert upgrade.event == (("upgrade_requested", Selector((Term("Up"),))), ("pricing_asked", Selector()))


def test_a_misspelt_well_known_event_is_guessed() -> None:
    asleep = parsed("events: {upgrade_requestd: Up}").asleep
    assert any(problem.remedy == "Did you mean it by 'upgrade_requestd'?" for problem in asleep)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("limit", "no `limits` are defined"),
        ("onboarded", "there is no `onboarding`"),
        ("premium", "no `features` are defined"),
    ],
)
def test_a_rule_whose_section_is_missing_is_asleep(rule: str, reason: str) -> None:
    assert any(problem.message.startswith(f"rule '{rule}' is asleep: {reason}") for problem in parsed("").asleep)


def test_an_event_of_a_rule_may_be_the_products_own_name() -> None:
    book = parsed("rules: {mine: {lead: pql, event: Demo Asked For, say: '{event}'}}")
    assert rule_of(book.rulebook, "mine").event == (("Demo Asked For", Selector((Term("Demo Asked For"),))),)


def test_the_resolved_text_needs_no_base() -> None:
    book = parse(trial(), bases())
    again = parse(book.resolved, {})
    assert again.rulebook == book.rulebook
    assert again.resolved == book.resolved
    assert "use:" not in book.resolved
    assert book.resolved.startswith("project: acme-mail\n")


def test_the_resolved_text_keeps_texts_that_yaml_would_bend() -> None:
    words = [
        "a: b",
        "# c",
        "'d'",
        '"e"',
        "-",
        "- f",
        "true",
        "1",
        "~",
        "{g}",
        "[h",
        "é",
        "\\n",
        " i",
        "j ",
        "k:",
        "%",
        "@l",
        "🦜",
        "null",
    ]
    items = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
    book = parse(f"project: p\nlists: {{words: [{items}]}}", {})
    assert book.rulebook.lists["words"] == tuple(words)
    assert parse(book.resolved, {}).rulebook == book.rulebook


def test_rules_by_event_may_look_at_the_event() -> None:
    mine = "{lead: pql, event: asked, when: [properties.seats >= 5, event == asked], say: '{properties.seats}'}"
    book = parsed(f"events: {{asked: Q}}\nrules: {{mine: {mine}}}")
    assert [condition.text for condition in rule_of(book.rulebook, "mine").when] == ["properties.seats >= 5", "event == asked"]


TRIAL = """limits: {n: {last: properties.n, of: N}}
features: {f: {used: F}}
plans:
  tour:     {stage: trial, like: business, days: 14, then: starter}
  starter:  {stage: free, price: 0, allows: {n: 5}}
  business: {stage: paying, price: 15, allows: {n: none}, has: [f]}
"""


def test_a_trial_takes_what_another_plan_gives_and_says_when_it_ends_and_what_follows() -> None:
    book = parsed(TRIAL)
    tour, starter, business = book.rulebook.plans
    assert (tour.stage, tour.days_ms, tour.then) == ("trial", 14 * DAY, "starter")
    assert (tour.allows, tour.has) == (business.allows, business.has)
    assert business.has == {"f"}
    assert (starter.days_ms, starter.then) == (None, None)
    assert parse(book.resolved, {}).rulebook == book.rulebook


def test_a_trial_may_have_no_end_and_then_be_the_plan_of_those_without() -> None:
    rulebook = parsed("plans: {free: {stage: free}, tour: {stage: trial, like: free}}\nno_plan: tour\n").rulebook
    assert (rulebook.plans[1].days_ms, rulebook.plans[1].then, rulebook.no_plan) == (None, None, "tour")


def test_absence_names_two_selections_of_events_and_a_time() -> None:
    events = "events: {signed_up: Signed Up, imported: [Contacts Imported, Uploaded]}\n"
    measure = "measures: {idle: {absent: imported, after: {of: signed_up, where: properties.seats > 1}, within: 7d}}\n"
    rule = "rules: {mine: {lead: pql, when: [not idle and stage == free], say: x}}"
    book = parsed(events + measure + rule)
    idle = book.rulebook.measures["idle"]
    assert isinstance(idle, Absent)
    assert (idle.within_ms, [term.name for term in idle.of.terms]) == (7 * DAY, ["Contacts Imported", "Uploaded"])
    assert [(term.name, term.where and term.where.text) for term in idle.after.terms] == [("Signed Up", "properties.seats > 1")]
    assert parse(book.resolved, {}).rulebook == book.rulebook


@pytest.mark.parametrize("unmapped", ["absent: later, after: signed_up", "absent: signed_up, after: later"])
def test_absence_of_or_after_an_unmapped_event_is_asleep(unmapped: str) -> None:
    text = f"events: {{signed_up: S, later: []}}\nmeasures: {{idle: {{{unmapped}, within: 7d}}}}\n"
    asleep = parsed(text + "rules: {mine: {lead: pql, when: [idle], say: x}}").asleep
    assert any(problem.message.startswith("rule 'mine' is asleep: measure 'idle' waits") for problem in asleep)


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ("{free: {stage: free}}", ["mine"]),
        ("{free: {stage: free}, tour: {stage: trial}}", ["trial-ends", "mine"]),
        ("{free: {stage: free}, tour: {stage: trial, days: 14, then: free}}", []),
    ],
)
def test_a_rule_about_the_end_of_trials_is_asleep_without_one_the_bases_only_if_there_are_trials(
    plans: str, said: list[str]
) -> None:
    mine = "{lead: pql, when: [trial.left <= 1d], say: x}"
    book = parsed(f"plans: {plans}\nevents: {{s: S}}\nonboarding: {{steps: [s]}}\nrules: {{mine: {mine}}}")
    found = [problem.message for problem in book.asleep if "no plan is a trial with `days`" in problem.message]
    assert [message.split("'")[1] for message in found] == said


def test_a_rule_waits_a_day_for_late_events_unless_it_says_otherwise() -> None:
    rulebook = parsed("rules: {limit: {cooldown: 1h, lateness: 30m}, onboarded: {cooldown: 25h}}").rulebook
    quick, slow = rule_of(rulebook, "limit"), rule_of(rulebook, "onboarded")
    assert (quick.cooldown_ms, quick.lateness_ms) == (DAY // 24, DAY // 48)
    assert (slow.cooldown_ms, slow.lateness_ms) == (25 * DAY // 24, DAY)
    assert rule_of(rulebook, "premium").lateness_ms == DAY


@pytest.mark.parametrize(
    ("limit", "when", "reason"),
    [
        ("{last: properties.n, of: tallied}", "limit.used >= 1", "limit 'seats' waits for an event that `events` does not map"),
        (
            "{last: properties.n, of: Counted, if: members >= 2}",
            "limit.used >= 1",
            "limit 'seats' is there only if: measure 'members' waits for an event that `events` does not map",
        ),
        ("{last: properties.n, of: Counted}", "trial.quiet >= 5d", "no plan is a trial"),
        ("{last: properties.n, of: Counted}", "paying.for >= 90d", "no plan is paying"),
    ],
)
def test_a_limit_that_waits_for_an_unmapped_event_and_tenure_without_a_plan_are_asleep(
    limit: str, when: str, reason: str
) -> None:
    text = f"""
events: {{tallied: []}}
measures: {{members: {{distinct: person, of: tallied}}}}
limits: {{seats: {limit}}}
plans: {{free: {{stage: free, allows: {{seats: 5}}}}}}
rules: {{mine: {{lead: pql, each: limit, when: [{when}], say: x}}}}
"""
    found = [problem.message for problem in parsed(text).asleep if problem.message.startswith("rule 'mine'")]
    assert found == [f"rule 'mine' is asleep: {reason}"]


SCORE_ASLEEP = """measures: {asked: {count: upgrade_requested}}
score:
  fit: [{points: 5, if: account.size > 3}]
  behaviour:
    - {points: 5, event: upgrade_requested}
    - {points: 5, if: asked >= 2}
    - {points: 5, rule: limit}
"""


def test_a_line_of_the_score_that_waits_for_an_unmapped_event_is_asleep() -> None:
    ours = [problem for problem in parsed(SCORE_ASLEEP).asleep if problem.message.startswith("a line of")]
    assert [problem.message.removeprefix("a line of `behaviour` is asleep: ") for problem in ours] == [
        "`events` does not map upgrade_requested",
        "measure 'asked' waits for an event that `events` does not map",
    ]


def test_a_rule_that_looks_at_a_score_that_is_not_there_is_asleep() -> None:
    rule = "project: p\nlead_types: {pql: {to: sales, answer_in: 1h, do: x}}\n"
    rule += "rules: {a: {lead: pql, when: temperature == hot, say: x}}\n"
    assert [problem.message for problem in parse(rule, {}).asleep] == ["rule 'a' is asleep: there is no `score`"]
    [problem] = parse(rule + "score: {fit: []}\n", {}).asleep
    assert problem.message == "rule 'a' is asleep: `score` does not say what is hot"


def test_a_key_of_the_score_replaces_that_of_the_base_and_the_others_stay() -> None:
    score = parsed("score: {hot: 80, fit: [{points: 2.5, if: account.size > 3}]}").rulebook.score
    assert score is not None
    assert (score.hot, score.warm, [line.points for line in score.fit]) == (8_000, 4_000, [250])
    assert [line.rule for line in score.behaviour][:3] == ["limit", "onboarded", "premium"]


def test_a_segment_is_its_condition_wherever_it_is_named() -> None:
    book = parsed(
        "segments: {small: account.size < 9, tiny: segment.small and account.size < 3}\n"
        "rules: {a: {lead: pql, when: not segment.tiny, say: x}}"
    ).rulebook
    [rule] = [rule for rule in book.rules if rule.name == "a"]
    assert rule.when[0].expr == Not(book.segments["tiny"].expr)
    assert [name.path for name in names_in(book.segments["tiny"].expr)] == ["account.size", "account.size"]


def test_rules_wait_for_what_their_windows_and_steps_wait_for() -> None:
    """An event that is not mapped, wherever it stands, puts to sleep what rests on it."""
    book = parsed(
        "events: {signed_up: [], joined: [], sent: Sent}\n"
        "measures:\n"
        "  early: {count: sent, during: first 10d of signed_up}\n"
        "  walked: {sequence: [sent, joined], within: 7d}\n"
        "  members: {distinct: person, of: joined}\n"
        "onboarding: {steps: [sent, {members: 3}]}\n"
        "rules:\n"
        "  a: {lead: pql, when: [early >= 1], say: x}\n"
        "  b: {lead: pql, when: [walked], say: x}\n"
        "  c: {lead: pql, when: [onboarding.done], say: x}\n"
        "  d: {lead: pql, when: [members.rising_weeks >= 1], say: x}\n"
    )
    asleep = [each.message for each in book.asleep if "measure '" in each.message and "b2b-saas" not in each.message]
    waits = "waits for an event that `events` does not map"
    assert asleep == [
        f"rule '{rule}' is asleep: measure '{measure}' {waits}"
        for rule, measure in (("a", "early"), ("b", "walked"), ("c", "members"), ("d", "members"))
    ]
