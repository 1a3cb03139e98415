"""A file of scenarios in, the scenarios out, or every problem with its file, line and remedy. Strict, as rulebooks are read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from detector.core.rulebook import shapes
from detector.core.rulebook.compile import Program, compile_rulebook
from detector.core.rulebook.loading import load
from detector.core.rulebook.parse import parse
from detector.core.rulebook.problems import Report, RulebookError
from detector.core.rulebook.tree import At, Entry, Fields, Items, Node, kind_of
from detector.rulebooks import bases
from detector.scenarios import language
from detector.scenarios.language import EVENTS, EXAMPLES, GIVEN, HEARS, LEAD, NEEDS, READERS, SIGNALS, STATUSES, Keys
from detector.scenarios.model import Line, Scenario

_FILE: Final = ("about", "rulebook", "scenarios")
_SCENARIO: Final = ("about", "given", "any_order", "expect")
_ACCOUNT: Final = "acme"
RULEBOOK: Final = "rulebook.yaml"
"""Beside the folder of the scenarios: theirs, unless they name another."""


class ScenarioError(ValueError):
    """One line of text a problem: `late.yaml:12:5: unknown key 'persn' in a line. Did you mean 'person'?`"""


def read(file: Path) -> list[Scenario]:
    """Raises ScenarioError with every problem that was found in the file, or in its rulebook."""
    report = Report()
    text = _text(file)
    beside = file.parent.parent / RULEBOOK
    try:
        root = load(text, report)
        sections = shapes.fields(root, "a file of scenarios", _FILE, (), report) or {}
        needs = {"scenarios": "{A title: …}"} if beside.is_file() else {"rulebook": RULEBOOK, "scenarios": "{A title: …}"}
        shapes.require(sections, root, "a file of scenarios", needs, report)
        report.raise_if_any()
        program = _program(sections["rulebook"], text, file, report) if "rulebook" in sections else _compiled_file(beside)
        found = [_scenario(entry, file, program, report) for entry in _titled(sections["scenarios"], report)]
        report.raise_if_any()
    except RulebookError as error:
        raise _refused(file, error) from None
    return [scenario for scenario in found if scenario is not None]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ScenarioError(f"{file} is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise ScenarioError(f"{file} cannot be read: {error.strerror}") from None


def _program(node: Node, text: str, file: Path, report: Report) -> Program:
    """The rulebook that stands in the file itself, or the file of that name, seen from this one."""
    if isinstance(node, Fields):
        return _compiled(_inline(node, text, report))
    name = shapes.text(node, "`rulebook`", report)
    report.raise_if_any()
    path = file.parent / (name or "")
    if not path.is_file():
        report.refuse(node.at, "unknown_name", f"there is no file {path}", "Name one, or write the rulebook below `rulebook:`")
        report.raise_if_any()
    return _compiled_file(path)


def _compiled_file(path: Path) -> Program:
    try:
        return _compiled(_text(path))
    except RulebookError as error:
        raise _refused(path, error) from None


@lru_cache(maxsize=8)
def _compiled(text: str) -> Program:
    """Kept, for files that lie side by side have one rulebook."""
    return compile_rulebook(parse(text, bases()).rulebook, 1)


def _refused(file: Path, error: RulebookError) -> ScenarioError:
    return ScenarioError("\n".join(problem.located(str(file)) for problem in error.problems))


def _inline(node: Fields, text: str, report: Report) -> str:
    """The rulebook's own lines, at their own places, so that its problems name the lines of this file."""
    lines = text.split("\n")
    first, margin = node.at.line - 1, node.at.column - 1
    if lines[first][:margin].strip() or lines[first][margin] == "{":
        report.refuse(
            node.at, "value", "the rulebook must stand on lines of its own", "Write it below `rulebook:`, one section a line"
        )
        report.raise_if_any()
    last = first
    while last < len(lines) and (not lines[last].strip() or lines[last][:margin].strip(" ") == ""):
        last += 1
    return "\n" * first + "\n".join(lines[first:last])


def _titled(node: Node, report: Report) -> Sequence[Entry]:
    found = list(shapes.entries(node, "scenarios", report).values())
    if not found:
        report.refuse(node.at, "empty", "there is no scenario", "Add: A title: {given: […], expect: {…}}")
    return found


def _scenario(entry: Entry, file: Path, program: Program, report: Report) -> Scenario | None:
    values = shapes.fields(entry.value, "a scenario", _SCENARIO, (), report)
    if values is None:
        return None
    shapes.require(values, entry.value, "a scenario", {"given": "[…]", "expect": "{leads: […]}"}, report)
    given = _lines(values.get("given"), GIVEN, "`given`", report)
    _check_arrivals(given, report)
    expect = _expected(values["expect"], program, report) if "expect" in values else {}
    any_order = _any_order(values["any_order"], given, report) if "any_order" in values else False
    return Scenario(entry.key.text, file, entry.key.at.line, program, _account(given, report), given, any_order, expect)


def _expected(node: Node, program: Program, report: Report) -> dict[str, tuple[Line, ...]]:
    if isinstance(node, Fields) and not node.entries:
        report.refuse(node.at, "empty", "`expect` expects nothing", "Add: leads: []")
    verbs = {"hears": HEARS, "leads": {each.name: LEAD for each in program.rulebook.lead_types}, "signals": SIGNALS}
    parts = shapes.fields(node, "`expect`", verbs, (), report) or {}
    expect = {key: _lines(part, verbs[key], f"`{key}`", report) for key, part in parts.items()}
    for line in expect.get("leads", ()):
        if line.what not in STATUSES:
            remedy = report.guess(str(line.what), STATUSES)
            report.refuse(At(line.number, 1), "value", f"the status of a lead cannot be '{line.what}'", remedy)
    return expect


def _any_order(node: Node, given: Sequence[Line], report: Report) -> bool:
    said = language.truth(node, "`any_order`", report)
    if said and not {line.verb for line in given} <= {*EVENTS, "now"}:
        remedy = "Commands and imports happen when they happen: remove `any_order`"
        report.refuse(node.at, "value", "only events can come in any order", remedy)
    return said


def _lines(node: Node | None, verbs: Keys, where: str, report: Report) -> tuple[Line, ...]:
    if isinstance(node, Items):
        found = (_line(item, verbs, where, report) for item in node.items)
        return tuple(each for line in found if line is not None for each in _repeated(line, report))
    if node is not None:
        report.refuse(node.at, "value", f"{where} is a list, found {kind_of(node)}", "Begin each line with a hyphen")
    return ()


def _line(node: Node, verbs: Keys, where: str, report: Report) -> Line | None:
    if not isinstance(node, Fields):
        report.refuse(node.at, "value", f"a line of {where} is a map, found {kind_of(node)}", "Write: {at: day 1 10:00, …}")
        return None
    said = [name for name in node.entries if name in verbs]
    if len(said) != 1:
        what = f"says {' and '.join(said)} at once" if said else f"says none of {', '.join(verbs)}"
        report.refuse(node.at, "value", f"a line of {where} {what}", _guess(node, verbs, report) or "One line says one thing")
        return None
    verb = said[0]
    known = shapes.fields(node, f"a line with `{verb}`", (verb, *verbs[verb]), (), report) or {}
    needs = NEEDS.get(verb, ()) if verbs is GIVEN or verbs is EVENTS else ()
    shapes.require(known, node, f"a line with `{verb}`", {key: EXAMPLES[key] for key in needs}, report)
    values = {}
    for key, value in known.items():
        if key == "import":
            values[key] = _lines(value, EVENTS, "`import`", report)
        else:
            values[key] = READERS.get(key, shapes.text)(value, f"`{key}`", report)
    return Line(node.at.line, verb, values)


def _repeated(line: Line, report: Report) -> Iterator[Line]:
    """`{every: 1h, times: 3}`: three lines, an hour apart."""
    said = [key for key in ("every", "times") if key in line.values]
    if len(said) == 1:
        missing = "every: 1h" if said == ["times"] else "times: 3"
        report.refuse(At(line.number, 1), "missing", f"a line with `{said[0]}` alone", f"Add: {missing}")
    every, times = (line.values.get(key) for key in ("every", "times"))
    for n in range(times or 1):
        later = {key: line.values[key] + n * (every or 0) for key in ("at", "received") if line.values.get(key) is not None}
        yield replace(line, values={**line.values, **later})


def _guess(node: Fields, verbs: Keys, report: Report) -> str:
    """What a misspelt verb was meant to be."""
    others = {key for keys in verbs.values() for key in keys}
    guesses = (report.guess(name, verbs) for name in node.entries if name not in others)
    return next((guess for guess in guesses if guess.startswith("Did")), "")


def _check_arrivals(given: Sequence[Line], report: Report) -> None:
    """Lines stand in the order in which they came to us. One that lies before its neighbour must say when it came."""
    now = None
    for line in given:
        happened = line.values.get("at", line.values.get("now"))
        came = line.values.get("received", happened)
        if came is None or happened is None:
            continue
        if came < happened:
            report.refuse(At(line.number, 1), "value", "this was received before it happened", "Check `at` and `received`")
        elif now is not None and came < now:
            remedy = "If it came late, say when: received: …. Else put it further up"
            report.refuse(At(line.number, 1), "value", "this lies before the line above it", remedy)
        else:
            now = came


def _account(given: Sequence[Line], report: Report) -> str:
    """A scenario is the story of one account: that of its `group` lines."""
    events = [each for line in given for each in (line.what if line.verb == "import" else (line,))]
    groups = [line for line in events if line.verb == "group" and line.what is not None]
    for line in groups:
        if line.what != groups[0].what:
            remedy = "A scenario is the story of one account; write another one"
            report.refuse(At(line.number, 1), "value", f"here the account is {line.what}, before it was {groups[0].what}", remedy)
    return groups[0].what if groups else _ACCOUNT
