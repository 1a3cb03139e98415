"""What an account ran into, and the cheapest higher plan that covers it."""

from dataclasses import dataclass
from typing import Any

from detector.core import words
from detector.core.measures.moment import Moment
from detector.core.measures.premium import PremiumReader
from detector.core.measures.usage import REFUSED_MS, LimitReader
from detector.core.measures.windows import Back
from detector.core.rulebook.compile import Program
from detector.core.rulebook.measured import Rolling
from detector.core.rulebook.model import Plan

NEAR = 0.8
"""From this share on, an offer should lift the limit."""
RECENT_MS = 14 * 86_400_000
_RECENTLY = Back(Rolling(RECENT_MS))


@dataclass(frozen=True, slots=True)
class Offer:
    plan: Plan
    now: Plan
    covers: tuple[str, ...]


def offer(program: Program, moment: Moment) -> Offer | None:
    """None: the plan is unknown, or there is no higher one. If no plan covers everything, the one that covers most."""
    now, rank = moment.standing.plan, moment.standing.rank
    if now is None or rank is None:
        return None
    above = program.rulebook.plans[rank + 1 :]
    terms = (moment.ladder.terms(plan, moment.facts, moment.t) for plan in above if plan.stage != "trial")  # nobody buys a trial
    higher = list(terms)
    near = [reader for reader in program.limits.values() if _ran_into(reader, moment)]
    missed = PremiumReader(program.features, _RECENTLY).names(moment)
    offers = [Offer(plan, now, _covered(plan, near, missed, moment)) for plan in higher]
    return max(offers, key=lambda each: len(each.covers), default=None)  # of equals the first, and so the cheapest


def offer_data(of: Offer | None, currency: str) -> dict[str, Any]:
    if of is None:
        empty = dict.fromkeys(("kind", "name", "price_now", "price_next", "currency", "per"))
        return {**empty, "covers": []}
    return {
        "kind": "plan",
        "name": of.plan.name,
        "price_now": of.now.price,
        "price_next": of.plan.price,
        "currency": currency,
        "per": "month" if of.plan.per is None else f"{of.plan.per} and month",
        "covers": list(of.covers),
    }


def usage_data(program: Program, moment: Moment) -> list[dict[str, Any]]:
    return [reader.data(moment, REFUSED_MS) for reader in program.limits.values()]


def features_data(program: Program, moment: Moment) -> list[dict[str, Any]]:
    """Features used, or refused, in the last fortnight."""
    plan = moment.standing.plan
    found = []
    for name, key in program.features.items():
        days = moment.facts.series(key).days(moment.t - RECENT_MS + 1, moment.t + 1)
        if days:
            found.append({"name": name, "days": len(days), "in_plan": None if plan is None else name in plan.has})
    return found


def covers_in_words(program: Program, of: Offer | None) -> str:
    if of is None or not of.covers:
        return "what they need"
    labels = {name: reader.limit.label for name, reader in program.limits.items()}
    return words.listed([labels.get(name, name.replace("_", " ")) for name in of.covers])


def _ran_into(reader: LimitReader, moment: Moment) -> bool:
    percent = reader.percent(moment)
    return percent is not None and (percent >= NEAR or (reader.refused(moment, REFUSED_MS) or 0) > 0)


def _covered(plan: Plan, near: list[LimitReader], missed: list[str], moment: Moment) -> tuple[str, ...]:
    lifted = [reader.limit.name for reader in near if _lifts(plan, reader, moment)]
    return (*lifted, *(feature for feature in missed if feature in plan.has))


def _lifts(plan: Plan, reader: LimitReader, moment: Moment) -> bool:
    """Whether the plan allows more than is used, and more than the plan in force."""
    if reader.limit.name not in plan.allows:
        return False
    allowed, used, now = plan.allows[reader.limit.name], reader.used(moment) or 0, reader.allowed(moment) or 0
    return allowed is None or allowed > max(used, now)
