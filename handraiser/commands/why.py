"""`handraiser why ACCOUNT` and `handraiser near-misses`."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from handraiser.client import Client, path_of
from handraiser.errors import CommandError
from handraiser.options import Data, Json, Project, server
from handraiser.output import counted, print_fields, print_json, print_table, say

NAMED_MAX = 10
"""So many accounts are named where it is not clear which one is meant."""
_MARKS = {"holds": "✓", "misses": "·", "waits": "…", "uncapped": "∞"}


def register(app: typer.Typer) -> None:
    app.command("why")(why)
    app.command("near-misses")(near_misses)


def why(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or what only one account's id begins with.")],
    rule: Annotated[
        str | None, typer.Option(help="Only this rule, line by line: `onboarded`, `limit/contacts`.", show_default=False)
    ] = None,
    project: Project = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Why an account is, or is not, a lead: what is missing, by how much, and what would have to happen."""
    with server(data) as client:
        found = _ask(client, client.only_project(project), account, rule)
    if json:
        print_json(found)
        return
    for line in _head(found):
        say(line)
    say("")
    if rule is not None:
        for each in found["rules"]:
            _whole(each)
        return
    awake = [each for each in found["rules"] if each["stand"] != "asleep"]
    print_fields([field for each in awake for field in _fields(each)])
    for each in found["rules"]:
        if each["stand"] == "asleep":
            say(f"  {each['rule']} asleep: {each['needs']}")
    for line in _score(found):
        say(line)


def _ask(client: Client, project: str, account: str, rule: str | None) -> Any:
    """Of the account of that id; else of the only one whose id begins so."""
    try:
        return client.get(path_of("accounts", account, "why"), project=project, rule=rule)
    except CommandError as error:
        if error.code != "account_not_found":
            raise
        alike = client.get("/v1/accounts", project=project, starting_with=account, limit=NAMED_MAX + 1)["data"]
        ids = [str(each["external_id"]) for each in alike]
        if not ids:
            raise
        if len(ids) > 1:
            more = " …" if len(ids) > NAMED_MAX else ""
            message = f"Several accounts begin with {account}: {', '.join(ids[:NAMED_MAX])}{more}. Which one is it?"
            raise CommandError("account_ambiguous", message) from None
        return client.get(path_of("accounts", ids[0], "why"), project=project, rule=rule)


def _head(found: dict[str, Any]) -> Iterator[str]:
    account = found["account"]
    name, id_ = account["name"], account["external_id"]
    about = [account["stage"] if account["plan"] is None else f"{account['plan']} plan", *map(_lead, found["leads"])]
    if not found["leads"]:
        about.append("no open lead")
    yield " · ".join([id_ if name in (None, id_) else f"{name} ({id_})", *about])
    for each in found["silences"]:
        yield f"! {_silence(each)}"
    for lead in found["leads"]:
        yield from (f"! {_held_back(lead, each)}" for each in lead["held_back"])


def _lead(lead: dict[str, Any]) -> str:
    words = [lead["lead_type"].upper().replace("_", " "), lead["status"], lead["temperature"] or "", lead["lead_id"]]
    return " ".join(filter(None, words))


def _fields(rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
    name = f"{_MARKS[rule['stand']]} {rule['rule']}"
    for text in _lines(rule):
        yield name, text
        name = ""


def _lines(rule: dict[str, Any]) -> Iterator[str]:
    """What is said of a rule that is awake; the further lines stand below its name."""
    if rule["stand"] == "holds":
        signal = rule["signalled"]
        since = "" if signal is None else f", signalled {_minute(signal['at'])}" + _carried(signal)
        yield f"holds{since}" + (f"; {rule['needs']}" if rule["needs"] else "")
    else:
        yield rule["needs"] or "does not hold"
    # That what holds has signalled not long ago is no news.
    yield from (f"! {_silence(each)}" for each in rule["silences"] if not (each["because"] == "cooldown" and rule["holds"]))


def _carried(signal: dict[str, Any]) -> str:
    if signal["lead_id"]:
        return f" in {signal['lead_id']}"
    return f", told to nobody ({signal['silent']})" if signal["silent"] else ", told to nobody"


_CAPS = {
    "account": "of this account",
    "person": "with the person to talk to",
    "endpoint": "at this endpoint",
    "brake": "of the project in this hour",
}


def _held_back(lead: dict[str, Any], at: dict[str, Any]) -> str:
    cap = at["cap"]
    why = f"there were as many leads {_CAPS[cap]} as `noise: {cap}` allows"
    return f"{at['endpoint']} is not told of {lead['lead_id']} yet: {why}; room from {_minute(at['until'])}"


def _silence(of: dict[str, Any]) -> str:
    return str(of["text"]) + (f", until {_minute(of['until'])}" if of["until"] else "")


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ") + " UTC"


def _score(found: dict[str, Any]) -> Iterator[str]:
    score = found["score"]
    if score is None:
        return
    person = f", with {found['scored_person']}" if found["scored_person"] else ""
    hot = f", {found['temperature']}" if found["temperature"] else ""
    yield ""
    yield f"score {score['total']}{hot} = fit {score['fit']} + behaviour {score['behaviour']}{person}"
    for each in score["contributions"]:
        since = f" since {_minute(each['since'])}" if each["since"] is not None else ""
        yield f"  {each['points']:+g} of {each['of']:+g}  {each['part']}: {each['text']}{since}"
    if found["segments"]:
        yield f"segments: {', '.join(found['segments'])}"


def _whole(rule: dict[str, Any]) -> None:
    """One rule with everything that is known of it."""
    say(f"{rule['rule']}: {rule['stand']}" + (f", would be a {rule['lead_type']}" if rule["stand"] != "holds" else ""))
    for text in _lines(rule):
        say(f"  {text}")
    for line in _parts(rule["parts"], "  "):
        say(line)


def _parts(parts: list[dict[str, Any]], indent: str) -> Iterator[str]:
    for part in parts:
        holds = {True: "yes", False: "no", None: "unknown"}[part["holds"]]
        value = "" if part["value"] is None else f"  is {part['value']}"
        window = "" if part["window"] is None else f" in {part['window']}"
        which = {"any": " (one of these)", "all": " (all of these)", None: ""}[part["how"]]
        rests = f"  from {', '.join(part['message_ids'][:3])}" if part["message_ids"] else ""
        warms = "" if part["warming"] is None else f"  warming since {_minute(part['warming']['since'])}, known in part"
        yield f"{indent}{holds:<8}{part['text']}{which}{value}{window}{warms}{rests}"
        yield from _parts(part["parts"], indent + "  ")


def near_misses(
    rule: Annotated[str | None, typer.Option(help="Only this rule: `limit`, `limit/contacts`.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="At most so many accounts of each rule.")] = 5,
    project: Project = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """The accounts nearest to qualifying, rule by rule, and what each of them lacks."""
    with server(data) as client:
        found = client.get("/v1/near-misses", project=client.only_project(project), rule=rule, limit=limit)
    if json:
        print_json(found)
        return
    if found["data"]:
        rows = [(each["rule"], account) for each in found["data"] for account in each["accounts"]]
        print_table(["RULE", "ACCOUNT", "PLAN", "WHAT IS MISSING"], [_row(name, account) for name, account in rows])
    else:
        say(f"No account of {found['project']} is near.")
    if found["cut"]:
        say(f"Looked at the {counted(found['accounts_read'], 'account')} with the newest events, of {found['accounts']:,}.")


def _row(rule: str, account: dict[str, Any]) -> list[str]:
    told = "".join(f" ! {_silence(each)}" for each in account["silences"])
    return [rule, account["external_id"], account["plan"] or "", account["needs"] + told]
