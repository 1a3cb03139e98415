"""What `up --try` makes, once: in, our own API and a data folder; out, project acme-mail with all that it needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from detector.rulebooks import TRIAL
from handraiser.data_folder import DataFolder, read_secret, write_private
from handraiser.errors import CommandError
from handraiser.keys import TRIAL_LABEL
from handraiser.templates import write_template
from handraiser.trial.scenario import PROJECT

ENDPOINT = "catcher"
"""The name of the trial's endpoint: what its lines say."""


@dataclass(frozen=True, slots=True)
class Trial:
    write_key: str
    rulebook: Path
    endpoint_id: str


async def set_up(api: httpx.AsyncClient, folder: DataFolder, catcher_url: str) -> Trial:
    """Make what is missing; what is there stays as it is. Raises CommandError."""
    projects = await _call(api, "GET", "/v1/projects")
    if PROJECT not in {row["name"] for row in projects["data"]}:
        await _call(api, "POST", "/v1/projects", {"name": PROJECT})
    key = await _write_key(api, folder)
    rulebook = await _rulebook(api, folder)
    return Trial(key, rulebook, await _endpoint(api, catcher_url))


async def _write_key(api: httpx.AsyncClient, folder: DataFolder) -> str:
    """The key in the folder, if it is still good and may import; else a new one, kept there to be printed at each start."""
    kept = read_secret(folder.trial_key)
    rows = (await _call(api, "GET", f"/v1/keys?project={PROJECT}"))["data"]
    good = {row["id"] for row in rows if row["may_import"] and not row.get("revoked_at")}
    if kept and kept.split("_")[1:2] and kept.split("_")[1] in good:
        return kept
    made = await _call(api, "POST", "/v1/keys", {"project": PROJECT, "label": TRIAL_LABEL, "may_import": True})
    write_private(folder.trial_key, made["key"] + "\n")
    return str(made["key"])


async def _rulebook(api: httpx.AsyncClient, folder: DataFolder) -> Path:
    """Written once and applied once: later edits count only after `handraiser rules apply`."""
    path = folder.path / PROJECT / "rulebook.yaml"
    if not path.exists():
        write_template(TRIAL, path.parent, PROJECT)
    applied = await _call(api, "GET", f"/v1/rulebooks?project={PROJECT}")
    if not applied["data"]:
        await _call(api, "POST", "/v1/rulebooks", {"project": PROJECT, "body": path.read_text(encoding="utf-8")})
    return path


async def _endpoint(api: httpx.AsyncClient, catcher_url: str) -> str:
    """The catcher as an endpoint; made anew when `up` listens on another port than last time, or if caps bind it."""
    for row in (await _call(api, "GET", "/v1/endpoints"))["data"]:
        if row["project"] == PROJECT and row["name"] == ENDPOINT:
            if catcher_url.startswith(row["url"] + "/") and not row["caps"]:
                return str(row["id"])
            await _call(api, "DELETE", f"/v1/endpoints/{row['id']}")
    catcher = {"project": PROJECT, "url": catcher_url, "name": ENDPOINT, "caps": False}  # `try` works any number of times
    made = await _call(api, "POST", "/v1/endpoints", catcher)
    return str(made["id"])


async def _call(api: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    response = await api.request(method, path, json=body)
    if response.is_success:
        return response.json() if response.content else None
    raise CommandError("trial_setup", f"The trial could not be set up: {method} {path} answered {response.text}")
