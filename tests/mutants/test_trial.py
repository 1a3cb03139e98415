"""A trial tells a mutant that was caught from one that survived, and from a patch that shows nothing."""

import subprocess
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.mutants.mutant import read
from tests.mutants.trial import ROOT, run

CODE = ROOT / "contracts" / "partition.py"
TESTS = ["tests/contracts/test_partition.py"]


def _patch(tmp_path: Path, code: str, file: Path = CODE) -> Path:
    """From the code of `file` as it is to `code`."""
    name = file.relative_to(ROOT).as_posix()
    before, after = (text.splitlines(keepends=True) for text in (file.read_text(), code))
    patch = tmp_path / "mutant.patch"
    patch.write_text("".join(unified_diff(before, after, f"a/{name}", f"b/{name}")))
    return patch


def test_what_changes_an_answer_is_caught_by_the_first_test_that_fails(tmp_path: Path) -> None:
    broken = CODE.read_text().replace("return ", "return 1 + ")
    outcome = run(_patch(tmp_path, broken), TESTS)
    assert outcome.trouble is None
    assert str(outcome.failed).startswith("test_")


def test_what_changes_nothing_survives(tmp_path: Path) -> None:
    outcome = run(_patch(tmp_path, CODE.read_text() + "# and so on\n"), TESTS)
    assert (outcome.failed, outcome.trouble) == (None, None)


@pytest.mark.parametrize(
    ("change", "tests", "says"),
    [
        ("import nowhere\n", TESTS, "pytest ended with 2"),
        ("# and so on\n", ["tests/contracts/test_partition.py::test_of_old"], "pytest ended with 4"),
    ],
)
def test_code_that_cannot_be_imported_and_a_test_that_is_gone_catch_nothing(
    tmp_path: Path, change: str, tests: list[str], says: str
) -> None:
    outcome = run(_patch(tmp_path, CODE.read_text() + change), tests)
    assert outcome.failed is None
    assert says in str(outcome.trouble)


def test_a_run_that_imports_what_is_not_patched_catches_nothing(tmp_path: Path) -> None:
    test = ROOT / TESTS[0]
    elsewhere = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    outcome = run(_patch(tmp_path, elsewhere + test.read_text(), test), TESTS)
    assert outcome.failed is None
    assert "['contracts', 'contracts.partition']" in str(outcome.trouble)


def test_a_patch_of_code_that_has_changed_since_does_not_apply(tmp_path: Path) -> None:
    patch = _patch(tmp_path, CODE.read_text() + "# and so on\n")
    patch.write_text(patch.read_text().replace("\n ", "\n # as it was: "))
    outcome = run(patch, TESTS)
    assert outcome.failed is None
    assert "does not apply" in str(outcome.trouble)


def test_a_patch_says_what_it_breaks_and_what_catches_it(tmp_path: Path) -> None:
    patch = tmp_path / "time-stands-still.patch"
    patch.write_text("Breaks: Time.\nCaught by: tests/a.py::test_b[x] tests/c.py\n\n--- a/x\n")
    assert read(patch) == ("time-stands-still", patch, "Time.", ("tests/a.py::test_b[x]", "tests/c.py"))
    patch.write_text("Caught by: tests/c.py\n\n--- a/x\n")
    with pytest.raises(ValueError, match=r"time-stands-still\.patch must begin with"):
        read(patch)


def test_every_mutant_still_applies() -> None:
    """Whether each is caught, `make mutants` says."""
    patches = sorted((ROOT / "tests" / "mutants").glob("*.patch"))
    said = subprocess.run(["git", "apply", "--check", *map(str, patches)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (len(patches) >= 10, said.returncode, said.stderr) == (True, 0, "")
