"""A path in, the files of scenarios that it means out."""

from pathlib import Path
from typing import Final

from detector.scenarios.reading import RULEBOOK

FOLDER: Final = "scenarios"
"""Beside a rulebook: what it must do, one file or many."""


def scenario_files(path: Path) -> list[Path]:
    """A file of scenarios itself; a rulebook's; or every one in a folder `scenarios` at or below this one. In order of name."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*.yaml") if file.resolve().parent.name == FOLDER)
    return sorted((path.parent / FOLDER).glob("*.yaml")) if path.name == RULEBOOK else [path]
