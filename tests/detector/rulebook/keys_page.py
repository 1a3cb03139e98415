"""The page docs/keys.md, made of the schema: `.venv/bin/python -m tests.detector.rulebook.keys_page` writes it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from detector.core.rulebook.schema import schema
from detector.rulebooks import bases

PAGE = Path(__file__).parents[3] / "docs" / "keys.md"
_HEAD = """\
# Every key of the rulebook

Made of the tables that the checker reads; [the rulebook](rulebook.md) explains them by example. **Bold**: must be there.
*Events* are names from `events` or your product's own, one or a list, or as in the last table; `NAME` is one that you choose.
"""


def page() -> str:
    """The page as it should be."""
    whole = schema(bases())
    events = whole["definitions"]["events"]["anyOf"][1]
    return "\n".join([_HEAD.rstrip(), *_tables("", whole), *_tables("an event with a condition", events), ""])


def _tables(title: str, form: Mapping[str, Any]) -> Iterator[str]:
    """The table of a map with fixed keys, then those of the maps below it."""
    yield f"\n## {title or 'The file'}\n\n| key | what stands there | says |\n|---|---|---|"
    for key, inner in form["properties"].items():
        name = f"**`{key}`**" if key in form.get("required", ()) else f"`{key}`"
        yield f"| {name} | {_what(inner)} | {inner['description']} |"
    for key, inner in form["properties"].items():
        place = f"{title} · {key}" if title else key
        for kind, below in _maps(inner).items():
            yield from _tables(f"{place}{kind}", below)


def _maps(form: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The maps with fixed keys that stand behind a key, its names, or in a list there; each with what tells it apart."""
    inner = form.get("additionalProperties") or form
    maps = [each for each in inner.get("anyOf", [inner]) if "properties" in each.get("items", each)]
    found = {}
    for each in maps:
        below = each.get("items", each)
        kind = f" with {below['required'][0]}" if "required" in below and len(maps) > 1 else ""
        found[f"{kind}, in a list" if below is not each else kind] = below
    return found


def _what(form: Mapping[str, Any]) -> str:  # noqa: PLR0911 (one return a kind of form)
    """In words."""
    if "allOf" in form or "$ref" in form:
        return "events"
    if "anyOf" in form:
        return _either(form["anyOf"])
    if "enum" in form:
        return " or ".join(f"`{word}`" for word in form["enum"])
    if "properties" in form:
        return "map: below"
    if form.get("type") == "array":
        return f"list of {_what(form['items'])}"
    if "additionalProperties" in form:
        inner = form["additionalProperties"]
        return "`NAME`: map, below" if _maps(form) else f"`NAME`: {_what(inner)}"
    example = f", such as `{form['examples'][0]}`" if "examples" in form else ""
    return f"{form['title']}{example}"


def _either(forms: list[Mapping[str, Any]]) -> str:
    one, *others = forms
    if len(others) == 1 and others[0].get("type") == "array" and others[0]["items"] == one:
        return f"{_what(one)}, or a list of such"
    return " or ".join(map(_what, forms))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
