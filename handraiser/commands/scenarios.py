"""`handraiser rules test`: plays scenarios against their rulebooks, in this process; no server, no database."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handraiser.errors import CommandError
from handraiser.options import Json
from handraiser.output import counted, print_json, say

if TYPE_CHECKING:
    from detector.scenarios.trying import Tried


def register(app: typer.Typer) -> None:
    app.command("test")(play)


def play(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", exists=True, help="A folder, a rulebook.yaml or a file of scenarios.")
    ],
    json: Json = False,
) -> None:
    """Play scenarios: given events, expect leads. In a folder: all in `scenarios/` beside a rulebook.yaml. Needs no server."""
    from detector.scenarios.trying import tried  # noqa: PLC0415 - the engine takes time to load, and no other command needs it

    began = time.monotonic()
    results = []
    for file in _files(paths):
        result = tried(file)
        results.append(result)
        if not json:
            say(_line(result))
    took = time.monotonic() - began
    if json:
        print_json(_document(results, took))
    else:
        for result in results:
            for text in (*result.problems, *(failure.text for failure in result.failures)):
                say(f"\n{text}")
        say(f"\n{_summary(results)} ({took:.1f} s)")
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def _files(paths: Sequence[Path]) -> list[Path]:
    from detector.scenarios.finding import scenario_files  # noqa: PLC0415 - as above

    found: dict[Path, None] = {}
    for path in paths:
        files = scenario_files(path)
        if not files:
            raise CommandError(
                "no_scenarios",
                f"There is no scenario in {path}. Write one in a folder `scenarios` beside the rulebook.yaml: docs/scenarios.md "
                "shows how. Or name a file of scenarios.",
            )
        found |= dict.fromkeys(files)
    return list(found)


def _line(result: "Tried") -> str:
    if result.problems:
        return f"unreadable  {result.file}"
    if result.failures:
        return f"FAILED      {result.file}  {len(result.failures)} of {counted(result.scenarios, 'scenario')}"
    return f"ok          {result.file}  {counted(result.scenarios, 'scenario')}"


def _summary(results: Sequence["Tried"]) -> str:
    played = sum(result.scenarios for result in results)
    failed = sum(len(result.failures) for result in results)
    unreadable = sum(bool(result.problems) for result in results)
    where = f"{counted(played, 'scenario')} in {counted(len(results), 'file')}"
    if not failed and not unreadable:
        return f"{where}: all pass"
    wrong = [f"{failed:,} fail" if failed != 1 else "1 fails"] if failed else []
    wrong += [f"{counted(unreadable, 'file')} cannot be played"] if unreadable else []
    return f"{where}: {', '.join(wrong)}"


def _document(results: Sequence["Tried"], took: float) -> dict[str, object]:
    return {
        "ok": all(result.ok for result in results),
        "scenarios": sum(result.scenarios for result in results),
        "failed": sum(len(result.failures) for result in results),
        "took_s": round(took, 3),
        "files": [
            {
                "file": str(result.file),
                "ok": result.ok,
                "scenarios": result.scenarios,
                "problems": list(result.problems),
                "failures": [{"scenario": each.scenario, "line": each.line, "message": each.text} for each in result.failures],
            }
            for result in results
        ],
    }
