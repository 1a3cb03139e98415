"""The rulebook's front door: YAML text and the bases that it may use go in, a checked Rulebook comes out, or every problem."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from detector.core.rulebook.checker import checked
from detector.core.rulebook.loading import BYTES_MAX, load
from detector.core.rulebook.merge import merged
from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.problems import Problem, Report, RulebookError, did_you_mean
from detector.core.rulebook.tree import At, Fields, Scalar, kind_of
from detector.core.rulebook.writing import written

__all__ = ["Parsed", "Problem", "RulebookError", "parse"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """`resolved`: YAML that parses, without any base, into an equal rulebook: it is what is stored when one is applied.

    `asleep`: what cannot fire yet because an event is not mapped, or a section is missing. Warnings, not errors.
    """

    rulebook: Rulebook
    resolved: str
    asleep: tuple[Problem, ...]


def parse(text: str, bases: Mapping[str, str]) -> Parsed:
    """Reads and checks one rulebook. `bases`: what `use` may name, as `{"b2b-saas@1": its text}`.

    Raises RulebookError with every problem that was found; nothing else, whatever the text.
    """
    report = Report()
    root = _with_base(load(text, report), bases, report)
    rulebook = checked(root, report)
    report.raise_if_any()
    resolved = written(root)
    if len(resolved.encode()) > BYTES_MAX:
        report.refuse(At(1, 1), "too_long", f"with its base the rulebook is larger than {BYTES_MAX // 1024} KiB", "Cut lists")
    report.raise_if_any()
    warnings = sorted(report.warnings, key=lambda problem: (problem.line, problem.column))
    return Parsed(rulebook, resolved, tuple(warnings))


def _with_base(own: Fields, bases: Mapping[str, str], report: Report) -> Fields:
    """The project's sections over the base's. A base that does not exist ends the check: what it lacks would all be reported."""
    use = own.entries.get("use")
    if use is None:
        return own
    report.use = use.value.at
    name = use.value.text if isinstance(use.value, Scalar) else ""
    if name not in bases:
        remedy = did_you_mean(name, bases) or "Remove it"
        report.refuse(use.value.at, "unknown_name", f"there is no base {kind_of(use.value)}", remedy)
        report.raise_if_any()
    base = _sound(bases[name], name) or load(bases[name], report, base=name)
    if "use" in base.entries:
        report.refuse(
            base.entries["use"].key.at, "not_supported_yet", "not supported yet: a base that uses another", "Use one base"
        )
    return merged(base, own)


@lru_cache(16)
def _sound(text: str, name: str) -> Fields | None:
    """A base's tree, read once: it is larger than what uses it. None: there is something to say about it."""
    report = Report()
    try:
        root = load(text, report, base=name)
    except RulebookError:
        return None
    return None if report.problems or report.warnings else root
