"""What each SDK really sent, byte by byte, is read as when it was kept (tests/sdks), whatever the machine has.

After a change on purpose: HANDRAISER_WRITE_REQUESTS=1 writes the events anew here, and the requests in tests/sdks.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.messages import Trust
from ingest.core.credential import key_id
from ingest.store import StoredWriteKey
from tests.ingest.served import Served
from tests.sdks.kept import FOLDER, body, read, write

FILES = sorted(FOLDER.glob("*.json"))


def test_each_kind_of_sdk_is_there() -> None:
    names = " ".join(file.name for file in FILES)
    assert all(kind in names for kind in ("analytics-python", "rudder", "posthog-node", "analytics-node", "cloudevents", "page"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_kept_request_is_read_as_ever(file: Path, served: Served) -> None:
    kept = read(file)
    add_key(served, kept["key"], "browser" if "page" in file.name else "server")
    for request in kept["requests"]:
        served.now = request["received_at"]
        answer = await served.client.post(request["path"], content=body(request), headers=request["headers"])
        assert answer.status_code in {200, 204}, answer.text
    said: list[dict[str, Any]] = [msgspec.json.decode(msgspec.json.encode(event)) for event in served.usage_events()]
    found = [{name: value for name, value in each.items() if name not in {"project", "key_id"}} for each in said]
    found.sort(key=lambda event: (event["type"], event["id"]))
    if os.environ.get("HANDRAISER_WRITE_REQUESTS"):
        write(file, kept | {"events": found})
    assert served.dead_letters() == []
    assert found == read(file)["events"]


def add_key(served: Served, text: str, trust: Trust) -> None:
    """The one that the SDK had."""
    id_ = key_id(text, "wk")
    assert id_ is not None
    key = StoredWriteKey(id_, "acme", hashlib.sha256(text.encode()).hexdigest(), trust, "", served.now, None)
    served.store.create_write_key(key)
    served.keys.refresh()
