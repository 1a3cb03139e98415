"""`handraiser rules diff|show|status`: the versions of a rulebook that a server has."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.core.rulebook.problems import RulebookError
from handraiser.client import Client, path_of
from handraiser.errors import CommandError
from handraiser.options import Data, Json, Project, server
from handraiser.output import counted, print_json, print_table, say
from handraiser.rulebook_file import File, checked

if TYPE_CHECKING:
    from detector.core.rulebook.changing import Change

Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number: `handraiser rules status` lists them.")]
Against = Annotated[
    int | None, typer.Option("--against", metavar="VERSION", min=1, help="Another version than the newest.", show_default=False)
]
SECONDS_SAID = 90
"""Longer times are said in minutes."""
_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def register(app: typer.Typer) -> None:
    app.command("diff")(diff)
    app.command("show")(show)
    app.command("status")(status)


def diff(file: File, against: Against = None, project: Project = None, data: Data = None, json: Json = False) -> None:
    """What would change if FILE were applied: rules, limits, plans and measures, and which of these begin to count anew."""
    from detector.core.rulebook.changing import changes  # noqa: PLC0415 - it takes time to load, and few commands need it

    parsed = checked(file, json)
    with server(data) as client:
        stored = _version(client, project or parsed.rulebook.project, against)
    try:
        found = changes(stored["resolved"], parsed.resolved)
    except RulebookError as error:
        message = f"Version {stored['version']} is not understood by this release, so it cannot be compared: {error.problems[0]}"
        raise CommandError("not_understood", message) from error
    if json:
        document = {"project": stored["project"], "against": stored["version"], "changes": [asdict(each) for each in found]}
        print_json(document)
        return
    if not found:
        say(f"{file.name} says what version {stored['version']} of {stored['project']}'s rulebook says.")
        return
    say(f"From version {stored['version']} of {stored['project']}'s rulebook to {file.name}:")
    for line in _lines(found):
        say(line)


def show(version: Version, project: Project = None, data: Data = None, json: Json = False) -> None:
    """Print a version as it was applied. To go back to it: `rules show 3 > old.yaml`, then `rules apply old.yaml`."""
    with server(data) as client:
        stored = _version(client, client.only_project(project), version)
    if json:
        print_json(stored)
    else:
        say(stored["body"].removesuffix("\n"))


def status(project: Project = None, data: Data = None, json: Json = False) -> None:
    """Every version, newest first, which partitions judge by it, how far the log was read again for it, what is warming, and
    which rules wait for an event that never arrived.
    """
    with server(data) as client:
        name = client.only_project(project)
        answer = client.get("/v1/rulebooks", project=name)
        versions, warming, backfill = answer["data"], answer["warming"], answer["backfill"]
        waiting = client.get("/v1/event-names", project=name)["waiting"]
    if json:
        print_json({"project": name, "data": versions, "warming": warming, "backfill": backfill, "waiting": waiting})
        return
    if not versions:
        say(f"{name} has no rulebook yet. Write one and apply it: handraiser rules apply FILE")
        return
    rows = [[str(row["version"]), row["created_at"], _adopted(row)] for row in versions]
    print_table(["VERSION", "APPLIED", "JUDGES"], rows)
    if backfill is not None:
        say(_read_again(backfill))
    for each in warming:
        say(f"warming: '{each['name']}' counts since {each['since']}; {_known(each)}")
    for each in waiting:
        say(f"asleep: rule '{each['rule']}' waits for {' or '.join(each['never_arrived'])}, which never arrived")


def _read_again(of: dict[str, Any]) -> str:
    left, rules = of["left_s"], of["rules"]
    done = f"{of['percent']} %, {of['done']} of {counted(of['partitions'], 'partition')} done"
    time = "" if left is None else f", about {left} s left" if left < SECONDS_SAID else f", about {round(left / 60)} min left"
    silent = f". Until then they say nothing of accounts that were there before: {', '.join(rules)}" if rules else ""
    return f"backfilling: {done}{time}{silent}"


def _known(warming: dict[str, Any]) -> str:
    until = warming["until"]
    whole = (
        "of accounts that were there before it knows only what came since" if until is None else f"it knows all from {until} on"
    )
    return f"{whole}. Until then rules that ask for little of it are silent" if until is not None else whole


def _adopted(row: dict[str, Any]) -> str:
    """Most versions are all or nothing; while a switch is under way, or a partition stands still, it is some."""
    adopted, partitions = row["adopted_by"], row["partitions"]
    if len(adopted) == partitions:
        return f"all {counted(partitions, 'partition')}" if partitions > 1 else "the only partition"
    return f"{len(adopted)} of {partitions} partitions: {', '.join(map(str, adopted))}" if adopted else ""


def _version(client: Client, project: str, version: int | None) -> Any:
    """One version, whole; None: the newest."""
    if version is None:
        versions = client.get("/v1/rulebooks", project=project)["data"]
        if not versions:
            raise CommandError("no_rulebook", f"{project} has no rulebook yet: whatever the file says would be new.")
        version = versions[0]["version"]
    return client.get(path_of("rulebooks", str(version)), project=project)


def _lines(changes: Sequence["Change"]) -> list[str]:
    """Section by section, each entry with what changed in it."""
    from detector.core.rulebook.changing import ANEW  # noqa: PLC0415 - as above

    lines: list[str] = []
    section = ""
    for each in changes:
        if not each.name:
            lines += [f"{each.section}  {line}" for line in each.lines]
            section = ""
            continue
        if each.section != section:
            section = each.section
            lines.append(section)
        head = f"  {_MARKS[each.kind]} {each.name}"
        lines += [f"{head}  {each.lines[0]}"] if len(each.lines) == 1 else [head, *(f"      {line}" for line in each.lines)]
        lines += [f"      {ANEW}"] if each.anew else []
    return lines
