"""Something that sales tells in; how the server answered, or that the detector has not got to it yet, out."""

from pathlib import Path
from typing import Any

from handraiser.options import server
from handraiser.output import note, print_json, say


def tell(path: str, body: dict[str, Any], done: str, data: Path | None, *, as_json: bool) -> None:
    """POST `body`; `done` is the sentence for people once it is applied. Raises CommandError for what was refused."""
    with server(data) as client:
        answer = client.post(path, body)
    if answer["status"] == "accepted":
        note(
            "It is in the log, and the detector has not got to it within 5 s; it will (GET /health says why it is slow). "
            f"GET /v1/commands/{answer['command_id']} tells what became of it."
        )
    if as_json:
        print_json(answer)
    elif answer["status"] == "applied":
        say(done)
