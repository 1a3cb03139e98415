"""Requests as the SDKs sent them, kept in tests/golden/requests, so that how they are read is tested where no SDK can be had."""

import base64
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.sdks.wire import Request

FOLDER: Final = Path(__file__).parents[1] / "golden" / "requests"
_OURS: Final = {"host", "content-length", "connection", "keep-alive", "accept-encoding", "transfer-encoding"}


def keep(name: str, key: str, requests: Iterable[Request]) -> None:
    """With HANDRAISER_WRITE_REQUESTS=1: what was posted, with the key of a test that is over."""
    if not os.environ.get("HANDRAISER_WRITE_REQUESTS"):
        return
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{re.sub(r'[^a-z0-9.]+', '-', name.lower()).strip('-')}.json"
    said = {"sdk": name, "key": key, "requests": [_written(each) for each in requests if each.method == "POST"], "events": []}
    write(file, said)


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def write(file: Path, said: Any) -> None:
    file.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def _written(request: Request) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in _OURS}
    written: dict[str, Any] = {"received_at": request.received_at, "path": request.path, "headers": headers}
    try:
        return written | {"body": request.body.decode()}
    except UnicodeDecodeError:
        return written | {"base64": base64.b64encode(request.body).decode()}


def body(written: dict[str, Any]) -> bytes:
    return written["body"].encode() if "body" in written else base64.b64decode(written["base64"])
