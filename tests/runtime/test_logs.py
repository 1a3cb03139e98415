"""Log lines: one JSON object each, and files that are put aside when they are full."""

import json
import logging
from pathlib import Path

import pytest

from runtime import logs


def test_a_line_says_level_logger_message_what_was_added_and_when() -> None:
    record = logging.makeLogRecord({"name": "room", "levelname": "INFO", "msg": "%d done", "args": (3,), "created": 1.5})
    record.outcome, record.path = "ok", Path("/a")
    line = logs.JsonLine().format(record)
    assert line == (
        '{"level":"INFO","logger":"room","message":"3 done","outcome":"ok","path":"/a","at":"1970-01-01T00:00:01.500000Z"}'
    )


def test_an_error_has_its_traceback_in_the_one_line() -> None:
    try:
        int("bug")
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": (type(error), error, error.__traceback__)})
    line = logs.JsonLine().format(record)
    assert "\n" not in line
    assert json.loads(line)["exc_info"].endswith("invalid literal for int() with base 10: 'bug'")


def test_a_full_file_is_put_aside_and_no_line_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    for name in ("handlers", "level"):
        monkeypatch.setattr(root, name, getattr(root, name))
    for name in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, name, getattr(logging, name))
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logs, "LOG_BYTES_MAX", 1_000)
    logs.log_json(tmp_path / "x.log")
    for number in range(30):
        logging.getLogger("room").info("a line", extra={"number": number})
    root.handlers[0].close()
    files = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) > 2
    assert max(path.stat().st_size for path in files) < 1_200
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(30))
