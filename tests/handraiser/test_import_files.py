"""Files of history as they are read: ndjson, csv by a mapping, gzip, bad rows, and ids that are the same in every run."""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handraiser.errors import CommandError
from handraiser.importing.lines import LINE_BYTES_MAX
from handraiser.importing.posting import BATCH_BYTES_MAX, EVENTS_MAX, batches, body_of
from handraiser.importing.reading import HistoryFile
from handraiser.importing.rehearsal import Rehearsal
from handraiser.importing.rows import Problem, Row
from handraiser.importing.run import open_files
from handraiser.importing.times import stamp

MAP = """{type: track, event: {column: what}, userId: {column: user}, groupId: {column: customer}, timestamp: {column: when},
properties: {total: {column: total}, code: {column: code, as: text}, from: crm}}"""
HEADER = "when,what,user,customer,total,code\n"
AT = "2024-02-01T00:00:00.000Z"


def read(path: Path, mapping: str | None = None) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The events, and what was wrong."""
    (file,) = open_files([path], mapping)
    rows = list(file.rows())
    assert file.position == file.size
    return [json.loads(row.body) for row in rows if isinstance(row, Row)], [row for row in rows if isinstance(row, Problem)]


def ndjson(path: Path, *lines: Any) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "ada", "event": "Sent", "timestamp": AT, **more}


@pytest.mark.parametrize(
    ("said", "iso"),
    [
        ("2024-02-01", AT),
        ("20240201", AT),
        ("2024-02-01 02:00:00+02:00", AT),
        (" 2024-02-01T00:00:00Z ", AT),
        ("1706745600", AT),
        (1706745600, AT),
        ("1706745600000", AT),
        (1706745600000, AT),
        ("1706745600.25", "2024-02-01T00:00:00.250Z"),
        (1706745600.25, "2024-02-01T00:00:00.250Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (99_999_999_999, "5138-11-16T09:46:39.000Z"),
        (100_000_000_000, "1973-03-03T09:46:40.000Z"),
    ],
)
def test_a_time_is_iso_or_epoch_seconds_or_milliseconds(said: str | float, iso: str) -> None:
    assert stamp(said) == iso


@pytest.mark.parametrize("said", ["yesterday", "", "31.01.2024", "-5", -5, 1706745600000000, "9" * 400, float("nan"), 1e300])
def test_what_is_no_time_is_refused(said: str | float) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says what is wrong
        stamp(said)


def test_an_event_of_ndjson_keeps_what_it_says(tmp_path: Path) -> None:
    said = track(messageId="m1", properties={"n": 1.5, "deep": [{"x": None}]}, context={"groupId": "bolt"})
    (event,), problems = read(ndjson(tmp_path / "a.ndjson", said))
    assert (event, problems) == (said, [])


def test_a_file_means_the_same_under_any_name_and_compressed(tmp_path: Path) -> None:
    lines = [track(), track(), track(properties={"n": 2}), track(messageId="mine")]
    plain, _ = read(ndjson(tmp_path / "a.ndjson", *lines))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.ndjson").read_bytes()))
    assert read(tmp_path / "b.jsonl.gz") == (plain, [])
    ids = [event["messageId"] for event in plain]
    assert ids[-1] == "mine"
    assert len(set(ids)) == 4  # two equal rows are two events
    assert all(name.startswith("import-") and len(name) == 39 for name in ids[:3])


def test_an_id_depends_on_no_other_row_than_its_equals(tmp_path: Path) -> None:
    before, _ = read(ndjson(tmp_path / "a.ndjson", track(), track(event="Opened"), track()))
    after, _ = read(ndjson(tmp_path / "b.ndjson", track(event="Bounced"), track(), track(), track(event="Opened")))
    assert {event["messageId"] for event in before} < {event["messageId"] for event in after}


@pytest.mark.parametrize("absent", [None, ""])
def test_an_empty_message_id_is_none(tmp_path: Path, absent: Any) -> None:
    (with_empty,), _ = read(ndjson(tmp_path / "a.ndjson", track(messageId=absent)))
    (without,), _ = read(ndjson(tmp_path / "b.ndjson", track()))
    assert with_empty == without


def test_rows_of_a_csv_become_events_by_the_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("\ufeff" + HEADER + '1706745600,"Sent, twice",ada,bolt,480,007\n\n2024-02-01,Sent,,bolt,,\n').encode())
    (first, second), problems = read(path, MAP)
    assert problems == []
    assert {k: v for k, v in first.items() if k != "messageId"} == {
        "type": "track",
        "event": "Sent, twice",
        "userId": "ada",
        "groupId": "bolt",
        "timestamp": AT,
        "properties": {"total": 480, "code": "007", "from": "crm"},
    }
    assert "userId" not in second
    assert second["properties"] == {"from": "crm"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("480", 480), ("4.5", 4.5), ("true", True), ("007", "007"), ("1.2.3", "1.2.3"), ("null", "null"), ("á", "á")],
)
def test_a_cell_that_is_a_number_becomes_one(tmp_path: Path, text: str, value: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + f"{AT},Sent,ada,bolt,{text},\n")
    (event,), _ = read(path, MAP)
    assert event["properties"]["total"] == value
    assert type(event["properties"]["total"]) is type(value)


def test_a_bad_row_is_told_with_its_place_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    good = f"{AT},Sent,ada,bolt,1,\n"
    rows = [
        good,
        "soon,Sent,ada,bolt,1,\n",
        '2024-02-01,"two\nlines",ada,bolt,1,\n',
        ",Sent,ada,bolt,1,\n",
        "1,2\n",
        '"a"b,\n',
        good,
    ]
    path.write_bytes((HEADER + "".join(rows)).encode() + f"{AT},Sent,\xff,bolt,1,\n".encode("latin-1") + good.encode())
    events, problems = read(path, MAP)
    assert len(events) == 4
    assert [(problem.line, problem.column, problem.code) for problem in problems] == [
        (3, "when", "invalid_timestamp"),
        (6, "when", "missing_timestamp"),
        (7, None, "wrong_cells"),
        (8, None, "invalid_csv"),
        (10, "user", "not_utf8"),
    ]
    assert str(problems[0]).startswith(f'{path}, line 3, column "when": "soon" is no time')


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", "not_json"),
        ("[1]", "not_an_object"),
        ({"type": "track"}, "missing_timestamp"),
        (track(timestamp=None), "missing_timestamp"),
        (track(timestamp="soon"), "invalid_timestamp"),
        (track(timestamp=True), "invalid_timestamp"),
        (track(timestamp=[1]), "invalid_timestamp"),
        ('{"x":"' + "x" * LINE_BYTES_MAX * 3 + '"}', "too_long"),
    ],
)
def test_a_bad_line_of_ndjson_is_told_and_its_neighbours_are_read(tmp_path: Path, line: Any, code: str) -> None:
    events, problems = read(ndjson(tmp_path / "a.ndjson", track(), "", line, track()))
    assert len(events) == 2
    assert [(problem.line, problem.code) for problem in problems] == [(3, code)]


def test_nearly_json_is_repaired_as_ingest_does_it(tmp_path: Path) -> None:
    (event,), _ = read(ndjson(tmp_path / "a.ndjson", '{"type":"track","timestamp":"2024-02-01","properties":{"n":NaN}}'))
    assert event["properties"] == {"n": None}


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.csv.gz"])
def test_a_damaged_gzip_ends_its_file_with_a_problem(tmp_path: Path, name: str) -> None:
    lines = [json.dumps(track(properties={"n": n})) for n in range(20_000)]
    if "csv" in name:
        lines = [HEADER.strip(), *(f"{AT},Sent,ada,bolt,{n},x{n * n}" for n in range(20_000))]
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    events, problems = read(tmp_path / name, MAP)
    assert 0 < len(events) < 20_000
    assert [problem.code for problem in problems] == ["damaged_file"]


@pytest.mark.parametrize(
    ("name", "content", "mapping", "says"),
    [
        ("a.txt", "", None, "should end in .ndjson"),
        ("a.json", '[{"type":"track"}]', None, "jq -c '.[]'"),
        ("a.csv", HEADER, None, "Its columns: when, what, user, customer, total, code"),
        ("a.csv", "when,what\n", MAP, 'has no column "user", which the mapping wants for `userId`'),
        ("a.csv", HEADER.replace("code", "when"), MAP, 'has several columns "when"'),
        ("a.csv", "", MAP, "has no column"),
        ("a.csv", HEADER, "{type: track}", "`timestamp` is missing"),
        ("a.csv", HEADER, "{timestamp: 2024-01-01}", "`type` is missing"),
        ("a.csv", HEADER, "{type: track, time: x}", "`time` is no field"),
        ("a.csv", HEADER, "{type: [track], timestamp: 2024-01-01}", "`type` is a constant"),
        ("a.csv", HEADER, "{type: {colum: a}, timestamp: 2024-01-01}", "`type` is a constant"),
        ("a.csv", HEADER, "{type: track, timestamp: 2024-01-01, traits: x}", "`traits` is a map"),
        ("a.csv", HEADER, "{type: track,\n a: b: c}", "--map, line 2"),
        ("a.csv", HEADER, "map.yaml", "The mapping map.yaml cannot be read: No such file"),
        ("a.ndjson.gz", "\x1f\x8bnot gzip", None, "cannot be read"),
    ],
)
def test_what_cannot_be_imported_says_why_before_anything_is_sent(
    tmp_path: Path, name: str, content: str, mapping: str | None, says: str
) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    with pytest.raises(CommandError) as error:
        open_files([tmp_path / name], mapping)
    assert says in error.value.message


def test_a_constant_date_of_a_mapping_is_a_time(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer,plan\nbolt,free\n")
    mapping = "{type: group, groupId: {column: customer}, timestamp: 2024-02-01, traits: {plan: {column: plan}}}"
    (event,), _ = read(tmp_path / "a.csv", mapping)
    assert (event["timestamp"], event["traits"]) == (AT, {"plan": "free"})


BODIES = [b"x" * size for size in (1, 3_000, BATCH_BYTES_MAX // 2, BATCH_BYTES_MAX, BATCH_BYTES_MAX + 1)]


@given(st.lists(st.sampled_from(BODIES).map(lambda body: Row("f", 1, body)), max_size=20), st.integers(1, 80))
def test_batches_keep_order_and_bounds(rows: Sequence[Row], times: int) -> None:
    rows = [row for row in rows for _ in range(times)]
    made = list(batches(rows))
    assert [row for batch in made for row in batch] == rows
    assert all(len(batch) <= EVENTS_MAX for batch in made)
    assert all(len(batch) == 1 or sum(len(row.body) for row in batch) <= BATCH_BYTES_MAX for batch in made)


def test_a_rehearsal_judges_as_the_server_does(tmp_path: Path) -> None:
    lines = [track(), track(event=None), track(userId={})]
    file = HistoryFile(ndjson(tmp_path / "a.ndjson", *lines), None)
    (batch,) = batches(row for row in file.rows() if isinstance(row, Row))
    assert json.loads(body_of(batch))["historical_migration"] is True
    posted = Rehearsal(lambda: 1_790_000_000_000).post(batch)
    assert posted.accepted == 1
    assert [(problem.line, problem.code) for problem in posted.problems] == [(2, "missing_event"), (3, "invalid_id")]


def test_the_example_of_the_docs_is_read_as_they_say(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", Path("docs/import.md").read_text(), re.MULTILINE | re.DOTALL)
    (table,) = [text for _, text in blocks if text.startswith("date,")]
    (mapping,) = [text for kind, text in blocks if kind == "yaml" and text.startswith("type: ")]
    (lines,) = [text for _, text in blocks if text.startswith('{"type":"group"')]
    (shown,) = [text for kind, text in blocks if kind == "json"]
    (tmp_path / "usage.csv").write_text(table)
    (tmp_path / "usage.yaml").write_text(mapping)
    (first, second), problems = read(tmp_path / "usage.csv", str(tmp_path / "usage.yaml"))
    assert problems == []
    assert msgspec.json.encode(first).decode() == shown.strip()  # its id too: another version must not make another one
    assert second["timestamp"] == "2024-03-02T12:00:00.000Z"
    assert "zip" not in second["properties"]
    events, problems = read(ndjson(tmp_path / "a.ndjson", lines.strip()))
    assert ([event["type"] for event in events], problems) == (["group", "track"], [])
