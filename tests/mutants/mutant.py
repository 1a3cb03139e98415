"""A patch file in; what it breaks, and which tests must fail because of it, out."""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
BREAKS, CAUGHT_BY = "Breaks: ", "Caught by: "


class Mutant(NamedTuple):
    """`tests`: as pytest takes them; few and quick ones, and any one that fails will do."""

    name: str
    patch: Path
    breaks: str
    tests: tuple[str, ...]


def read(patch: Path) -> Mutant:
    """Raises ValueError for a patch that does not say both; its first lines are `Breaks: …` and `Caught by: …`."""
    breaks, caught_by, *_ = [*patch.read_text().splitlines(), "", ""]
    if not breaks.startswith(BREAKS) or not caught_by.startswith(CAUGHT_BY):
        raise ValueError(f"{patch.name} must begin with a line `{BREAKS}…` and a line `{CAUGHT_BY}…`.")
    return Mutant(patch.stem, patch, breaks.removeprefix(BREAKS), tuple(caught_by.removeprefix(CAUGHT_BY).split()))


def read_all() -> list[Mutant]:
    return [read(patch) for patch in sorted(FOLDER.glob("*.patch"))]
