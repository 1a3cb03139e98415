"""What the documentation and the trial's file show can be pasted as it stands."""

import re
from pathlib import Path

import pytest

from detector.core.rulebook.leads import TYPES_OF_FAMILY
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial

PAGE = (Path(__file__).parents[3] / "docs" / "rulebook.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
AROUND = {
    "project": "p",
    "use": "b2b-saas@1",
    "lists": "{money_topics: [pricing]}",
    "events": "{signed_up: Signed Up, imported: Contacts Imported, sales_requested: Demo Requested}",
    "measures": "{imports: {count: Contacts Imported}}",
    "limits": "{contacts: {last: properties.total, of: Contact Count Changed}}",
}


def test_the_first_example_is_a_whole_rulebook() -> None:
    book = parse(BLOCKS[0], bases())
    assert [rule.name for rule in book.rulebook.rules][-1] == "busy"
    assert {problem.code for problem in book.asleep} == {"asleep"}


@pytest.mark.parametrize("block", BLOCKS[1:], ids=lambda block: block.strip().splitlines()[0])
def test_every_other_example_is_a_section_that_fits_in(block: str) -> None:
    around = "".join(f"{section}: {value}\n" for section, value in AROUND.items() if f"{section}:\n" not in block)
    parse(around + block, bases())


def test_the_table_of_lead_types_is_what_the_checker_knows() -> None:
    rows = re.findall(r"^\| `(\w+)` \|((?: \w+(?:, hot)? \|){4})$", PAGE, re.MULTILINE)
    table = {family: {cell.strip().removesuffix(", hot") for cell in cells.strip("|").split("|")} for family, cells in rows}
    assert table == {family: set(kinds) for family, kinds in TYPES_OF_FAMILY.items()}


def test_the_rule_that_the_trial_offers_works_once_its_hash_signs_are_gone() -> None:
    head, _, offered = trial().partition("(remove the #):\n")
    text = head.rpartition("\n")[0] + "\n" + "".join(line.removeprefix("# ") + "\n" for line in offered.splitlines())
    assert [rule.name for rule in parse(text, bases()).rulebook.rules][-1] == "busy-sender"
