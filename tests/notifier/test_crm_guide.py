"""docs/crm.md names only keys that the format `flat` has, and the code that it offers takes what we send and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from notifier.core.signing import secret_of, signed_headers

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "crm.md").read_text()
WEBHOOKS = (ROOT / "docs" / "webhooks.md").read_text()
GOLDEN = sorted((ROOT / "tests" / "golden").glob("webhook_flat_*.json"))
SECRET, OTHER = secret_of(b"k" * 32), secret_of(b"o" * 32)


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda file: file.stem)
def test_every_key_that_the_guide_names_is_in_each_body(golden: Path) -> None:
    named = set(re.findall(r"\{\{(\w+)\}\}", GUIDE))
    assert len(named) >= 30
    assert named - read(golden).keys() == set()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda file: file.stem)
def test_what_the_guide_calls_never_empty_is_not(golden: Path) -> None:
    body = read(golden)
    promised = re.findall(r"\{\{(\w+)\}\}`, never empty", GUIDE)
    assert promised == ["last_name", "account_name"]
    assert all(body[key] for key in promised)


def test_every_type_of_lead_event_has_its_row_in_the_guide() -> None:
    told = set(re.findall(r"`(lead\.[a-z]+)`", WEBHOOKS.partition("| type | when |")[2].partition("\n\n")[0]))
    assert len(told) >= 13
    assert set(re.findall(r"`(lead\.[a-z]+)`", GUIDE.partition("## Updates and ends")[2].partition("\n\nThe first")[0])) == told


def offered(body: bytes, headers: dict[str, str], secret: str = SECRET) -> Any:
    """What the step of Zapier puts out, which has `input_data` and `output` as its only names."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    said = {name: headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    step: dict[str, Any] = {"input_data": said | {"body": body.decode(), "secret": secret}}
    exec(compile(code, "docs/crm.md", "exec"), step)
    return step["output"]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda file: file.stem)
def test_the_code_of_the_guide_takes_a_signed_body_also_during_a_rotation(golden: Path) -> None:
    body = golden.read_bytes()
    for secrets in ([SECRET], [OTHER, SECRET], [SECRET, OTHER]):
        assert offered(body, signed_headers(secrets, "le_1", 1_778_680_991, body)) == json.loads(body)


@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "signature", "secret"])
def test_the_code_of_the_guide_refuses_all_else(wrong: str) -> None:
    body = GOLDEN[-1].read_bytes()
    headers = signed_headers([SECRET], "le_1", 1_778_680_991, body)
    if f"webhook-{wrong}" in headers:
        headers[f"webhook-{wrong}"] = headers[f"webhook-{wrong}"].replace("1", "2")
    with pytest.raises(ValueError, match="not from Handraiser"):
        offered(body + b" " if wrong == "body" else body, headers, OTHER if wrong == "secret" else SECRET)
