"""What an import needs before it sends anything: in, a server, a key and a project; out, the project, or what is missing."""

from dataclasses import dataclass
from typing import Any

from handraiser.client import Client
from handraiser.errors import CommandError


@dataclass(frozen=True, slots=True)
class WriteKey:
    """`chosen`: by the user. Else it is the trial's, which was at hand."""

    text: str
    chosen: bool


def check_access(client: Client, write_key: WriteKey, project: str | None, *, history: bool = True) -> str:
    """The project that `write_key` sends to. `project`: the one that is meant, if it was said; a key that was not chosen
    says nothing where there are several. `history`: what is sent is; else it says what accounts are, as no browser's key may.

    Raises CommandError if the key is unknown, revoked, of another project or may not import, or if no rulebook is applied.
    """
    if not write_key.chosen:
        project = client.only_project(project)
    key = _known(client, write_key.text)
    own = str(key["project"])
    make = f"handraiser keys create --project {project or own}{' --may-import' if history else ''}"
    if project and project != own:
        raise CommandError(
            "other_project", f"The write key is one of project {own}, not {project}. Make one, and give it as --key: {make}"
        )
    if key["revoked_at"]:
        raise CommandError("revoked_key", f"The write key wk_{key['id']}_… was revoked. Make another: {make}")
    if not history and key["trust"] != "server":
        raise CommandError(
            "browser_key",
            f"The write key wk_{key['id']}_… is one for browsers, which say nothing of accounts. Make another: {make}",
        )
    if history and not key["may_import"]:
        raise CommandError(
            "import_not_allowed", f"The write key wk_{key['id']}_… may not send history. Make one that may: {make}"
        )
    if not _has_rulebook(client, own):
        raise CommandError(
            "no_rulebook",
            f"Project {own} has no rulebook yet, and what comes before its first rulebook counts nowhere. "
            f"First: handraiser rules apply FILE --project {own}",
        )
    return own


def _known(client: Client, write_key: str) -> dict[str, Any]:
    key_id = write_key.split("_")[1] if write_key.count("_") == 2 else ""
    for row in client.get("/v1/keys")["data"]:
        if row["id"] == key_id:
            found: dict[str, Any] = row
            return found
    raise CommandError(
        "unknown_key", f"{client.url} does not know this write key. Make one: handraiser keys create --project NAME --may-import"
    )


def _has_rulebook(client: Client, project: str) -> bool:
    try:
        return bool(client.get("/v1/rulebooks", project=project)["data"])
    except CommandError as error:
        if error.code == "not_found":  # ingest alone is at this address
            return True
        raise
