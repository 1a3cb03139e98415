"""The JSON Schema of a rulebook and the checker: each accepts what the other does, as far as a schema can see."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from detector.core.rulebook.parse import Problem, RulebookError, parse
from detector.core.rulebook.schema import schema
from detector.rulebooks import bases, trial
from detector.scenarios.reading import RULEBOOK
from tests.detector.rulebook import keys_page

ROOT = Path(__file__).parents[3]
BASES = bases()
SCHEMA = schema(BASES)
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
_SURROGATE = re.compile(r"\\ud[89a-f][0-9a-f]{2}")


def generated() -> st.SearchStrategy[Any]:
    """Whatever the schema accepts: it is asked for as the body of a route, for that is what the library reads."""
    body = {key: value for key, value in SCHEMA.items() if key not in ("$schema", "definitions")}
    route = {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}, "responses": {}}
    document = {"openapi": "3.1.0", "info": {"title": "-", "version": "1"}, "paths": {"/": {"post": route}}}
    operation = schemathesis.openapi.from_dict({**document, "definitions": SCHEMA["definitions"]})["/"]["POST"]
    return operation.as_strategy().map(lambda case: case.body)


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        parse(text, BASES)
    except RulebookError as error:
        return error.problems
    return ()


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(generated())
def test_whatever_the_schema_accepts_the_checker_answers_and_knows_every_key(tree: Any) -> None:
    problems = problems_of(_SURROGATE.sub("x", json.dumps(tree)))
    strange = [each for each in problems if each.message.startswith("unknown key") or each.code in ("too_deep", "yaml")]
    assert strange == []


def plain(text: str) -> Any:
    """As editors see it: a day is a text."""
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


def rulebooks() -> dict[str, str]:
    found = {name: text + "project: p\n" for name, text in BASES.items()} | {"trial": trial()}
    files = [*ROOT.glob(f"examples/**/{RULEBOOK}"), *ROOT.glob("tests/scenarios/rulebooks/*.yaml")]
    found |= {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    docs = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rulebook.md").read_text(encoding="utf-8"), re.DOTALL)
    return found | {f"docs/rulebook.md {n}": text if n == 0 else f"project: p\n{text}" for n, text in enumerate(docs)}


@pytest.mark.parametrize("name", rulebooks())
def test_every_rulebook_of_ours_is_valid_by_it(name: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(plain(rulebooks()[name]))] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "currency: EUR",
        "project: p\nlimts: {}",
        "project: p\nuse: b2b@7",
        "project: p\nmeasures: {m: {cuont: A}}",
        "project: p\nmeasures: {m: {count: A, window: 7 days}}",
        "project: p\nplans: {free: {stage: fre}}",
        "project: p\nrules: {r: {family: usage, when: [a >= 1], say: x}}",
        "project: p\nrules: {r: {lead: pql, at: [80], say: x}}",
        "project: p\nevents: {a: {of: B, were: properties.x == 1}}",
    ],
)
def test_what_an_editor_should_underline_is_not_valid_and_refused(wrong: str) -> None:
    assert not VALIDATOR.is_valid(plain(wrong))
    assert problems_of(wrong)


def test_the_page_of_keys_is_made_of_it() -> None:
    written = keys_page.PAGE.read_text(encoding="utf-8")
    assert written == keys_page.page(), "write it anew: .venv/bin/python -m tests.detector.rulebook.keys_page"


def test_every_key_says_what_it_is() -> None:
    """What an editor shows beside it."""

    def silent(kind: Any, path: str) -> list[str]:
        if isinstance(kind, list):
            return [each for n, item in enumerate(kind) for each in silent(item, f"{path}[{n}]")]
        if not isinstance(kind, dict):
            return []
        own = [f"{path}.{key}" for key, value in kind.get("properties", {}).items() if not value.get("description")]
        return own + [each for key, value in kind.items() for each in silent(value, f"{path}.{key}")]

    assert silent(SCHEMA, "") == []
