"""The templates that ship: whole, with scenarios, and each an example of what it is said to be."""

from pathlib import Path
from typing import get_args

import pytest

from detector.core.rulebook.parse import parse
from detector.rulebooks import TEMPLATES, bases, template
from handraiser.commands.projects import Template
from handraiser.templates import write_template

ASLEEP = {"acme-mail": [], "clipcast": ["pricing_asked"], "huddle": ["pricing_asked"]}
"""What each leaves unmapped, on purpose: `rules check` shows it."""


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_good_rulebook_of_that_name_with_scenarios(name: str) -> None:
    files = template(name)
    book = parse(files["rulebook.yaml"], bases())
    assert book.rulebook.project == name
    assert [problem.message.split("'")[3] for problem in book.asleep] == ASLEEP[name]
    assert [path for path in files if path != "rulebook.yaml"] == ["scenarios/leads.yaml"]


def test_what_is_written_is_of_the_project_and_overwrites_nothing(tmp_path: Path) -> None:
    assert len(write_template("clipcast", tmp_path / "shop", "shop")) == 2
    mine = tmp_path / "shop" / "rulebook.yaml"
    assert parse(mine.read_text(encoding="utf-8"), bases()).rulebook.project == "shop"
    mine.write_text("project: mine\n", encoding="utf-8")
    assert write_template("clipcast", tmp_path / "shop", "shop") == []
    assert mine.read_text(encoding="utf-8") == "project: mine\n"


def test_the_command_offers_all_of_them() -> None:
    [of_option, *_] = get_args(Template)
    [names, _] = get_args(of_option)
    assert get_args(names) == TEMPLATES
