"""Every problem that /health can name has a section in the runbook."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (
    "ingest/health.py",
    "detector/health.py",
    "notifier/health.py",
    "handraiser/front.py",
    "handraiser/health.py",
    "handraiser/rooms.py",
)
CODE = re.compile(r'(?:"code": |problem\(\s*)"([a-z_]+)"')


def test_every_problem_code_has_a_section_in_the_runbook() -> None:
    codes = {code for source in SOURCES for code in CODE.findall((ROOT / source).read_text())}
    assert {"detector_behind", "endpoint_failing", "detector_not_running", "ingest_refusing"} <= codes
    sections = set(re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE))
    assert codes | {"database_unreachable", "database_behind"} == sections
