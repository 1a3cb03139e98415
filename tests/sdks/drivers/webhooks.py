"""Run with a library that verifies webhooks: its MODULE. Cases come in as JSON; for each, whether it was good, goes out."""

import importlib
import json
import sys

Webhook = importlib.import_module(sys.argv[1]).Webhook


def is_good(secret: str, headers: dict[str, str], body: str) -> bool:
    try:
        Webhook(secret).verify(body.encode(), headers)
    except Exception as error:
        assert type(error).__name__ == "WebhookVerificationError", repr(error)  # noqa: PT017 - whichever library's it is
        return False
    return True


print(json.dumps([is_good(**case) for case in json.load(sys.stdin)]))
