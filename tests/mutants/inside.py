"""A pytest plugin for a copy of the tree: the run is void if a module of ours came from elsewhere, as an installed one would."""

import sys
from pathlib import Path

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    here = Path.cwd().resolve()
    ours = {folder.name for folder in here.iterdir() if folder.is_dir()}
    found = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name.partition(".")[0] in ours}
    elsewhere = [name for name, file in found.items() if file is not None and here not in Path(file).resolve().parents]
    if elsewhere or "tests.mutants.inside" not in found:
        print(f"not of the copy {here}: {elsewhere}")
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
