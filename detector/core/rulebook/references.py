"""Which rules look at which others: `rules.NAME` in a line of `when`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from detector.core.rulebook.model import Condition, Rule
from detector.core.rulebook.problems import Report
from detector.core.rulebook.tree import Entry
from detector.core.rulebook.tree_walk import names_in

RULES: Final = "rules."


def conditions_behind(conditions: Sequence[Condition], rules: Mapping[str, Rule]) -> list[Condition]:
    """These, and those of every rule that they look at, directly or not."""
    found, ahead = list(conditions), looked_at(conditions)
    seen = set(ahead)
    while ahead:
        rule = rules[ahead.pop()]
        found += rule.when
        more = [name for name in looked_at(rule.when) if name not in seen]
        seen.update(more)
        ahead += more
    return found


def looked_at(conditions: Sequence[Condition]) -> list[str]:
    """The rules that these conditions name, each once."""
    paths = dict.fromkeys(name.path for condition in conditions for name in names_in(condition.expr))
    return [path.removeprefix(RULES) for path in paths if path.startswith(RULES)]


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Each after those that it looks at. There are no circles."""
    by_name = {rule.name: rule for rule in rules}
    found: dict[str, Rule] = {}
    waiting = list(reversed(rules))
    while waiting:
        rule = waiting[-1]
        first = [by_name[name] for name in looked_at(rule.when) if name not in found]
        waiting += first
        if not first:
            found[waiting.pop().name] = rule
    return list(found.values())


def report_circles(rules: Sequence[Rule], entries: Mapping[str, Entry], report: Report) -> None:
    """Refuses rules that look at one another in a circle, once for each circle. `entries`: the rules' nodes, for places."""
    known = {rule.name for rule in rules}
    looks = {rule.name: [name for name in looked_at(rule.when) if name in known] for rule in rules}
    done: set[str] = set()
    for start in looks:
        for circle in _circles(start, looks, done):
            message = f"rules look at one another in a circle: {' → '.join([*circle, circle[0]])}"
            report.refuse(entries[circle[0]].key.at, "circle", message, "Take one of these references out of `when`")


def _circles(start: str, looks: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[list[str]]:
    """Depth first; `done`: rules from which no new circle can be found."""
    path = [start] if start not in done else []
    ahead = [iter(looks[name]) for name in path]
    while path:
        name = next(ahead[-1], None)
        if name is None:
            done.add(path.pop())
            ahead.pop()
        elif name in path:
            yield path[path.index(name) :]
        elif name not in done:
            path.append(name)
            ahead.append(iter(looks[name]))
