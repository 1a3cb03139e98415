"""A CRM's rows as they become events: what a row must say, what its id rests on, and what is wrong with it by line and column."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from handraiser.errors import CommandError
from handraiser.importing.posting import batches, body_of
from handraiser.importing.rehearsal import Rehearsal
from handraiser.importing.rows import Problem, Row
from handraiser.importing.run import open_accounts

MAP = """{account: {column: id}, owner: {column: owner},
  traits: {name: {column: name}, size: {column: size}, crm_id: {column: crm, as: text}}}"""
HEAD = "id,owner,name,size,crm\n"
AT = 1_790_000_000


def read(path: Path, text: str, mapping: str = MAP, as_of: str | None = None, at: int = AT) -> tuple[list[Any], list[Problem]]:
    path.write_text(text)
    os.utime(path, (at, at))
    (file,) = open_accounts([path], mapping, as_of)
    found = list(file.rows())
    return [json.loads(each.body) for each in found if isinstance(each, Row)], [
        each for each in found if isinstance(each, Problem)
    ]


def ids(events: list[Any]) -> list[str]:
    return [event["messageId"] for event in events]


def test_a_row_says_what_an_account_is(tmp_path: Path) -> None:
    (event,), problems = read(tmp_path / "crm.csv", HEAD + "bolt, ana@x.io ,Bolt,250,0015\n")
    assert problems == []
    assert event == {
        "type": "group",
        "groupId": "bolt",
        "timestamp": "2026-09-21T14:13:20.000Z",
        "messageId": event["messageId"],
        "traits": {"owner_email": "ana@x.io", "name": "Bolt", "size": 250, "crm_id": "0015"},
    }


def test_an_empty_cell_says_nothing_but_nobody_is_an_owner_too(tmp_path: Path) -> None:
    (event,), _ = read(tmp_path / "crm.csv", HEAD + "bolt,,,,\n")
    assert event["traits"] == {"owner_email": None}
    events, (problem,) = read(
        tmp_path / "crm.csv", HEAD + "bolt,,,,\n", "{account: {column: id}, traits: {name: {column: name}}}"
    )
    assert events == []
    assert str(problem) == f"{tmp_path}/crm.csv, line 2: all mapped cells are empty: the row says nothing."


def test_the_same_row_is_the_same_message_wherever_it_stands(tmp_path: Path) -> None:
    once, _ = read(tmp_path / "a.csv", HEAD + "bolt,ana@x.io,Bolt,,\nyak,bob@x.io,Yak,,\n")
    again, problems = read(
        tmp_path / "b.csv", HEAD + "new,,New,,\nyak,bob@x.io,Yak,,\nyak,bob@x.io,Yak,,\nbolt,ana@x.io,Bolt,,\n"
    )
    assert problems == []
    assert ids(again)[1:] == [ids(once)[1], ids(once)[1], ids(once)[0]]


def test_a_changed_row_and_a_newer_export_are_new_messages(tmp_path: Path) -> None:
    """So an owner who goes and comes back between three exports comes back."""
    row = HEAD + "bolt,ana@x.io,Bolt,,\n"
    first, _ = read(tmp_path / "a.csv", row)
    changed, _ = read(tmp_path / "a.csv", row.replace("ana", "bob"))
    back, _ = read(tmp_path / "a.csv", row, at=AT + 60)
    assert len({*ids(first), *ids(changed), *ids(back)}) == 3


def test_a_row_may_have_a_time_of_its_own_and_the_file_another(tmp_path: Path) -> None:
    mapping = "{account: {column: id}, timestamp: {column: at}, traits: {size: {column: size}}}"
    text = (
        "id,at,size\nbolt,2026-09-01T10:00:00+02:00,3\nbolt,1790000000,4\nyak,2026-09-01,3\nzoo,20260901,3\nfox,soon,3\ngnu,,3\n"
    )
    events, problems = read(tmp_path / "a.csv", text, mapping)
    assert [event["timestamp"] for event in events] == ["2026-09-01T08:00:00.000Z", "2026-09-21T14:13:20.000Z"]
    assert [(each.line, each.column, each.code) for each in problems] == [
        (4, "at", "invalid_timestamp"),
        (5, "at", "invalid_timestamp"),
        (6, "at", "invalid_timestamp"),
        (7, "at", "missing_timestamp"),
    ]
    assert "is a day, and two exports of one day could not be told apart" in problems[0].message
    (event,), _ = read(tmp_path / "b.csv", HEAD + "bolt,,,,\n", as_of="2026-09-02T00:00:00.000Z")
    assert event["timestamp"] == "2026-09-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        (",ana@x.io,Bolt,,", "id", "the account's id is missing."),
        ("bolt,Ana Lo,Bolt,,", "owner", '"Ana Lo" is no e-mail address: leads are told whose they are by one.'),
        ("acc,,Other,,", "id", 'account "acc" stands in a row above with other values.'),
        ("bolt,,x", None, "the row has 3 cells and the header 5."),
    ],
)
def test_what_is_wrong_with_a_row_is_told_by_line_and_column_and_the_rest_goes_on(
    tmp_path: Path, row: str, column: str | None, message: str
) -> None:
    path = tmp_path / "crm.csv"
    events, (problem,) = read(path, f"{HEAD}acc,,Acc,,\n{row}\nzoo,,Zoo,,\n")
    assert [event["groupId"] for event in events] == ["acc", "zoo"]
    at = f', column "{column}"' if column else ""
    assert str(problem) == f"{path}, line 3{at}: {message}"


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("{acount: {column: id}}", "--map: `acount` is nothing that a row says. There are: account, owner, timestamp, traits."),
        ("{owner: {column: owner}}", "--map: `account` is missing"),
        ("{account: {column: id}}", "--map: `owner` or `traits` is missing"),
        ("{account: bolt, owner: {column: owner}}", "--map: `account` is another one in each row"),
        ("{account: {column: id}, owner: {column: owner}, traits: {owner_email: {column: owner}}}", "Keep one of them."),
        ("{account: {column: ids}, owner: {column: owner}}", 'has no column "ids", which the mapping wants for `account`'),
        ("{account: {column: id}, owner: {column: boss}}", 'has no column "boss", which the mapping wants for `owner`'),
        ("{account: {column: id}, traits: 3}", "`traits` is a map"),
        ("{account: {column: id}, traits: {since: 2026-02-30}}", "--map is not YAML: day is out of range for month"),
        ("{account: !!int abc}", "--map is not YAML: invalid literal for int()"),
        ("{" + "a: [" * 5_000, "--map is not YAML: "),
        ("{account: {column: id}, traits: {size: .inf}}", "`traits.size` is a constant"),
        ('{account: {column: id}, traits: {size: "\\ud83d"}}', "`traits.size` is a constant"),
        ("{1: {column: id}}", "--map: `1` is nothing that a row says."),
    ],
)
def test_a_mapping_that_fits_nothing_is_refused_with_what_there_is(tmp_path: Path, mapping: str, said: str) -> None:
    with pytest.raises(CommandError) as refused:
        read(tmp_path / "crm.csv", HEAD, mapping)
    assert said in str(refused.value)


def test_accounts_come_as_csv(tmp_path: Path) -> None:
    (tmp_path / "crm.ndjson").write_text("{}\n")
    with pytest.raises(CommandError, match="accounts come as csv"):
        open_accounts([tmp_path / "crm.ndjson"], MAP, None)
    with pytest.raises(CommandError, match="say which column is what") as refused:
        read(tmp_path / "crm.csv", HEAD, None)  # type: ignore[arg-type]
    assert "account: {column: Product Account Id}" in str(refused.value)


def test_it_is_no_history_and_ingest_takes_it(tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(HEAD + "bolt,ana@x.io,Bolt,250,0015\n")
    (file,) = open_accounts([tmp_path / "crm.csv"], MAP, None)
    (batch,) = batches(row for row in file.rows() if isinstance(row, Row))
    assert "historical_migration" not in json.loads(body_of(batch, history=False))
    posted = Rehearsal(lambda: AT * 1000, history=False).post(batch)
    assert (posted.accepted, posted.problems) == (1, [])
