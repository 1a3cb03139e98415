"""docs/rulebook.md in; its examples as whole rulebooks, and the keys, conditions and texts that they show, out.

Examples are the blocks of YAML and what stands in the last column of three tables: sections, measures, and conditions.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from detector.core.rulebook.schema import schema
from detector.rulebooks import bases

PAGE = (Path(__file__).parents[3] / "docs" / "rulebook.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
AROUND = {
    "project": "p",
    "use": "b2b-saas@1",
    "lists": "{money_topics: [pricing], topics: [pricing], domains: [acme.example]}",
    "events": "{signed_up: Signed Up, imported: Contacts Imported, sent: Campaign Sent, sales_requested: Demo Requested}",
    "measures": "{imports: {count: imported, window: 7d}, departments: {distinct: properties.department, of: imported}}",
    "limits": "{contacts: {last: properties.total, of: Contact Count Changed}}",
    "plans": "{free: {stage: free, price: 0, allows: {contacts: 500}}}",
    "segments": "{smb: account.employees < 200}",
}
"""What an example may lean on, if it has no such section itself."""
SCHEMA = schema(bases())
EVENTS = "an event with a condition"
"""The place of the keys that stand wherever events are named."""


class Key(NamedTuple):
    """`place`: the sections and keys above it, of a measure with its kind."""

    place: str
    name: str


class Shown(NamedTuple):
    keys: frozenset[Key]
    conditions: tuple[str, ...]
    texts: tuple[str, ...]


def rulebooks() -> dict[str, str]:
    """Each example, by its number and first line, with what it leans on."""
    found = [(BLOCKS[0], BLOCKS[0]), *((block, _within(block)) for block in BLOCKS[1:])]
    found += [(code, _within(f"{code}\n")) for code in _last_column("## Sections")]
    found += [(code, _within(f"measures: {{m: {code}}}\n")) for code in _last_column("### measures")]
    found += [(code, _within(_rule(code))) for table in ("### Operators", "### Names") for code in _last_column(table)]
    return {f"{number} {example.strip().splitlines()[0]}": text for number, (example, text) in enumerate(found)}


def _rule(code: str) -> str:
    """One that has the condition, or the name in braces in its text, and that has at hand what it needs."""
    at_hand = "event: [sales_requested]" if re.search(r"\bevent\b|properties\.", code) else "each: limit"
    when, say = ("imports >= 1", json.dumps(code)) if code.startswith("{") else (code, "x")
    return f"rules:\n  r:\n    lead: pql\n    {at_hand}\n    when:\n      - {when}\n    say: {say}\n"


def _within(example: str) -> str:
    there = re.findall(r"^(\w+):", example, re.MULTILINE)
    return "".join(f"{section}: {value}\n" for section, value in AROUND.items() if section not in there) + example


def _last_column(heading: str) -> list[str]:
    """The pieces of code in the last column of the first table below a heading."""
    table = re.search(r"(?:^\|.*\n)+", PAGE[PAGE.index(f"\n{heading}\n") :], re.MULTILINE)
    assert table is not None
    return [code for row in table[0].splitlines()[2:] for code in re.findall(r"`([^`]+)`", row.split("|")[-2])]


def shown(rulebook: str) -> Shown:
    tree = json.loads(json.dumps(YAML(typ="safe", pure=True).load(rulebook), default=str))
    found = [*_shown(tree, SCHEMA, "")]
    strings = [(form.get("title"), text) for form, text in found if isinstance(text, str)]
    return Shown(
        frozenset(each for _, each in found if isinstance(each, Key)),
        tuple(text for title, text in strings if title == "condition"),
        tuple(text for title, text in strings if title == "text with {names}"),
    )


def _shown(value: Any, form: Mapping[str, Any], place: str) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """The keys in it, and the texts with their forms."""
    if "allOf" in form:
        yield from _shown(value, form["allOf"][0], place)
    elif "$ref" in form:
        yield from _shown(value, SCHEMA["definitions"]["events"], EVENTS)
    elif "anyOf" in form:
        yield from _shown(value, next(each for each in form["anyOf"] if _fits(value, each)), place)
    elif isinstance(value, Mapping) and "properties" in form:
        inside = _inside(form, place)
        for name, inner in value.items():
            yield form, Key(inside, name)
            yield from _shown(inner, form["properties"][name], _below(inside, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _shown(inner, form["additionalProperties"], place)
    elif isinstance(value, list):
        for item in value:
            yield from _shown(item, form["items"], place)
    else:
        yield form, value


def _fits(value: Any, form: Mapping[str, Any]) -> bool:
    """As far as it takes to tell alternatives apart."""
    if isinstance(value, list):
        return "items" in form
    if isinstance(value, Mapping):
        known = value.keys() <= form.get("properties", value).keys()
        return form.get("type") == "object" and known and value.keys() >= {*form.get("required", ())}
    return not {"items", "properties"} & form.keys()


def _inside(form: Mapping[str, Any], place: str) -> str:
    return f"{place} with {form['required'][0]}" if place == "measures" and "required" in form else place


def _below(place: str, name: str) -> str:
    return f"{place} · {name}" if place else name


def every_key() -> set[Key]:
    """All that the schema knows."""
    return {*_keys(SCHEMA, ""), *_keys(SCHEMA["definitions"]["events"], EVENTS)}


def _keys(form: Any, place: str) -> Iterator[Key]:
    for each in (*form.get("anyOf", ()), *form.get("allOf", ())):
        yield from _keys(each, place)
    for inner in (form.get("items"), form.get("additionalProperties")):
        if isinstance(inner, Mapping):
            yield from _keys(inner, place)
    inside = _inside(form, place)
    for name, inner in form.get("properties", {}).items():
        yield Key(inside, name)
        yield from _keys(inner, _below(inside, name))
