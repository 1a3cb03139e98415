"""The receiver that the guide offers to copy does verify what we send, and nothing else."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.core.signing import secret_of, signed_headers
from runtime.clock import wall_clock

GUIDE = Path(__file__).parent.parent.parent / "docs" / "webhooks.md"


async def test_the_python_receiver_of_the_guide_takes_our_webhooks_and_refuses_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = secret_of(b"k" * 32)
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    module: dict[str, Any] = {}
    exec(compile(code, str(GUIDE), "exec"), module)
    body = b'{"type":"lead.created","data":{"summary":"487 of 500 contacts"}}'
    headers = signed_headers([secret], "le_1", wall_clock() // 1000, body)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(module["app"]), base_url="http://receiver") as client:
        assert (await client.post("/leads", content=body, headers=headers)).status_code == 204
        assert (await client.post("/leads", content=body + b" ", headers=headers)).status_code == 401
    assert capsys.readouterr().out == "lead.created 487 of 500 contacts\n"
