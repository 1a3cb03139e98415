"""A rule in, the key of what it looks for out: with other words, or another cooldown, it is the same rule."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any, Final

from detector.core.rulebook.model import Condition, Rule, Rulebook
from detector.core.rulebook.references import conditions_behind
from detector.core.rulebook.scoring import PARTS
from detector.core.rulebook.tree_walk import names_in

RULE: Final = "rule/"
"""Before the hash: so no rule is taken for facts."""
_WORDS: Final = frozenset(["text", "label", "unit"])


def definition(rule: Rule, rulebook: Rulebook) -> str:
    """Not of it: what is said, to whom, how often, how late. Nor the plans: they are no rule, and change where accounts stand."""
    by_name = {each.name: each for each in rulebook.rules}
    behind = conditions_behind(rule.when, by_name)
    paths = sorted({name.path for condition in behind for name in names_in(condition.expr)})
    if any(path in PARTS for path in paths) and rulebook.score is not None:
        behind += [line.condition for line in (*rulebook.score.fit, *rulebook.score.behaviour) if line.condition is not None]
        paths = sorted({name.path for condition in behind for name in names_in(condition.expr)})
    looked_at = [_looked_at(path, rulebook) for path in paths]
    limits = list(rulebook.limits.values()) if rule.each_limit else []
    whole = (rule.name, rule.each_limit, rule.steps, rule.when, rule.event, behind, looked_at, limits)
    return RULE + sha256(repr(_canonical(whole)).encode()).hexdigest()[:16]


def _looked_at(path: str, rulebook: Rulebook) -> object:
    root = path.partition(".")[0]
    if root in rulebook.measures:
        premium = any(selector.builtin == "premium" for selector in rulebook.measures[root].selectors)
        return rulebook.measures[root], dict(rulebook.features) if premium else None
    if root == "limits":
        return rulebook.limits[path.split(".")[1]]
    if root == "onboarding":
        return rulebook.onboarding
    if path in PARTS:
        return rulebook.score
    return dict(rulebook.features) if path == "trial.would_lose" else None


def _canonical(of: Any) -> Any:
    """Without what is only said, and where it was written; maps and sets in order."""
    if isinstance(of, Condition):
        return _canonical(of.expr)
    if is_dataclass(of) and not isinstance(of, type):
        known = (each.name for each in fields(of) if each.compare and each.name not in _WORDS)
        return type(of).__name__, *((name, _canonical(getattr(of, name))) for name in known)
    if isinstance(of, Mapping):
        return sorted((repr(key), _canonical(value)) for key, value in of.items())
    if isinstance(of, list | tuple):
        return [_canonical(each) for each in of]
    return sorted(map(repr, of)) if isinstance(of, set | frozenset) else of
