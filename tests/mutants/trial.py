"""A patch and some tests in; which of them failed, in a copy of the tree that is patched so, out."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ("no:cacheprovider", "pytest_asyncio.plugin", "pytest_timeout", "tests.mutants.inside")
"""Those that are installed besides take longer to load than most of the tests take."""
SECONDS_MAX = 180
TAIL = 2_000
"""Characters of what a run said that are told if it cannot be used."""


class Outcome(NamedTuple):
    """`failed`: the first test that did, None: all are green. `trouble`: why the run shows nothing."""

    failed: str | None
    trouble: str | None
    seconds: float


def run(patch: Path | None, tests: Sequence[str]) -> Outcome:
    """The tracked files are copied as they lie here, so what is not committed yet counts too. It ends with the first failure."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="handraiser-mutant-") as folder:
        tree = Path(folder) / "tree"
        _copy(tree)
        failed, trouble = _tried(patch, tests, tree)
    return Outcome(failed, trouble, time.monotonic() - began)


def _tried(patch: Path | None, tests: Sequence[str], tree: Path) -> tuple[str | None, str | None]:
    environment = _environment(tree)
    if patch is not None:
        applied = _call(["git", "apply", str(patch)], tree, environment)
        if applied.returncode:
            return None, f"does not apply any more: change the patch as the code has changed.\n{applied.stderr}"
    report = tree.parent / "report.xml"
    plugins = [argument for plugin in PLUGINS for argument in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *plugins, f"--junitxml={report}", *tests]
    try:
        done = _call(command, tree, environment)
    except subprocess.TimeoutExpired:
        return None, f"the tests did not end within {SECONDS_MAX} s"
    if done.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return None, f"pytest ended with {done.returncode}.\n{(done.stdout + done.stderr)[-TAIL:]}"
    return _read(report, done.stdout[-TAIL:])


def _read(report: Path, said: str) -> tuple[str | None, str | None]:
    """A test that was skipped, or that failed before it began, shows nothing."""
    cases = list(ET.parse(report).iter("testcase"))
    for case in cases:
        if case.find("skipped") is not None or case.find("error") is not None:
            return None, f"{case.get('name')} was skipped, or failed before it began.\n{said}"
    return next((case.get("name") for case in cases if case.find("failure") is not None), None), None


def _copy(tree: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def _environment(tree: Path) -> dict[str, str]:
    """Modules come from the copy, here and in the processes that tests start; and git sees no repository around it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTEST_"))}
    ours = {"PYTHONPATH": str(tree), "GIT_CEILING_DIRECTORIES": str(tree.parent.resolve()), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return kept | ours


def _call(command: Sequence[str], tree: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=tree,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        stdin=subprocess.DEVNULL,
    )
