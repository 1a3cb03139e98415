"""Log lines go into files that are put aside when they are full."""

import json
import logging
from pathlib import Path

import pytest

from runtime import logs


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
