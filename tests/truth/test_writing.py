"""The made-up rulebooks are such as a person could write: their text means what the cases are judged by."""

from typing import Any

from hypothesis import given, settings

from detector.core.rulebook.parse import parse
from tests.truth.books import rulebooks
from tests.truth.driver import program
from tests.truth.generate import CASES
from tests.truth.writing import yaml


@settings(CASES, max_examples=50)
@given(rulebooks())
def test_the_tree_of_a_rulebook_is_that_of_its_text(book: dict[str, Any]) -> None:
    assert parse(yaml(book), {}).rulebook == program(book).rulebook
