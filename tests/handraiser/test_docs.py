"""README and docs: every relative link leads somewhere, every file that is named is there, every command can be typed."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from handraiser.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
ROOMS = "benchmarks|contracts|detector|docs|eventlog|examples|handraiser|ingest|migrations|notifier|runtime|tests"
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMMANDS = typer.main.get_command(app)


def _prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    for path in re.findall(rf"`((?:{ROOMS})/[\w./@*-]+)`", page.read_text(encoding="utf-8")):
        assert list(ROOT.glob(path.rstrip("/"))), path


def typed() -> Iterator[tuple[str, str]]:
    """(page, command): of blocks the lines that begin with it, of sentences the pieces of code; without comments."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
        pieces = [part for code in re.findall(r"`([^`]+)`", FENCED.sub("", text)) for part in [" ".join(code.split())]]
        for line in (*lines, *pieces):
            found = re.match(r"^\$? ?(?:\w+=\$\()?(?:\.venv/bin/)?handraiser (.+)$", line)
            if found is not None:
                yield str(page.relative_to(ROOT)), re.split(r"\s+#\s|\s[>|]\s|; ", found[1])[0].rstrip(")")


def table() -> Iterator[tuple[str, str]]:
    """The first column of the table of docs/cli.md: `rules check FILE`, with [--option VALUE] for what may be left out."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| (`.*?)(?<!\\) \|", text[text.index("| command |") :], re.MULTILINE):
        for code in re.findall(r"`([^`]+)`", row):
            if not code.startswith("["):
                yield "docs/cli.md", code.replace("\\|", "|")


def _below(command: Any) -> dict[str, Any]:
    """Commands of a group, by name."""
    return getattr(command, "commands", {})


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """What the first words call, and those that follow."""
    found: Any = COMMANDS
    while words and words[0] in _below(found):
        found, words = _below(found)[words[0]], words[1:]
    return found, words


EVERY = sorted({*typed(), *table()})


def _leaves(command: Any) -> Iterator[Any]:
    inner = _below(command).values()
    yield from (leaf for each in inner for leaf in _leaves(each)) if inner else [command]


def test_the_page_of_the_command_line_has_every_command() -> None:
    told = [_command(shlex.split(line))[0] for line in _alternatives(table())]
    assert [leaf.name for leaf in _leaves(COMMANDS) if leaf not in told and not leaf.hidden] == []


def _alternatives(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """`endpoints test|enable ENDPOINT` is two."""
    for _, line in lines:
        words = line.replace("[", " ").replace("]", " ").split()
        split = next(
            (n for n, word in enumerate(words) if "|" in word and word.islower() and not words[n - 1].startswith("--")), None
        )
        yield from (" ".join((*words[:split], each)) for each in words[split].split("|")) if split is not None else [line]


@pytest.mark.parametrize(("page", "line"), EVERY, ids=lambda each: each)
def test_every_command_has_these_options(page: str, line: str) -> None:
    for each in _alternatives([(page, line)]):
        words = shlex.split(each.replace("[", " ").replace("]", " "))
        command, rest = _command(words)
        assert not _below(command) or not rest or rest[0].startswith("-") or rest == ["…"], f"{page}: there is no {rest[0]}"
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            if word.startswith("--"):
                assert word.partition("=")[0] in options | {"--help"}, f"{page}: there is no {word}"
