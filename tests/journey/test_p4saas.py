"""A SaaS company's history, live: every signal that an independent program expects, and no other, reaches the receiver."""

import ast
import gzip
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.journey import p4saas_expected
from tests.journey.p4saas_material import History, rulebook
from tests.journey.p4saas_signals import ask_program
from tests.journey.product import Product
from tests.journey.receiver import Receiver

SETTLE_WITHIN_S = 150


def signals_of(messages: list[dict[str, Any]]) -> set[tuple[str, str, str, str, int]]:
    """(account, lead type, rule, step, when it was reached) of each signal, and each rise of one, as the receiver was told."""
    return {
        (
            message["data"]["account"]["external_id"],
            message["data"]["lead_type"],
            signal["rule"],
            signal["step"] or "",
            p4saas_expected.milliseconds(signal["at"]),
        )
        for message in messages
        for signal in message["data"]["signals"]
    }


def test_the_expecting_program_uses_the_standard_library_only() -> None:
    tree = ast.parse(Path(p4saas_expected.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.timeout(300)
def test_the_history_gives_exactly_the_expected_signals(test_data: Path, tmp_path: Path) -> None:
    history = History(test_data / "p4saas", int(time.time() * 1000))
    want = {row[:5] for row in ask_program(history.messages, history.settings)}
    types = Counter(row[1] for row in want)
    assert min(types["pql"], types["xql"]) >= 100
    limited = {row[0] for row in want if row[2].startswith("limit/")}
    active = {message["context"]["groupId"] for message in history.messages if message["type"] == "track"}
    assert 0.01 <= len({row[0] for row in want if row[2] == "limit/exports"}) / len(active) <= 0.20
    assert limited

    receiver, product = Receiver(), Product(tmp_path / "data")
    try:
        product.start()
        key = product.create_project("p4saas")
        product.apply(rulebook(history.settings))
        receiver.secret = product.add_endpoint("p4saas", receiver.url)
        for start in range(0, len(history.messages), 100):
            body = gzip.compress(json.dumps({"batch": history.messages[start : start + 100]}).encode(), 1)
            answer = product.http.post(
                f"{product.url('ingest')}/v1/batch", content=body, headers={"content-encoding": "gzip"}, auth=(key, "")
            )
            assert (answer.status_code, answer.json()["rejected"]) == (200, 0)
        product.settle(SETTLE_WITHIN_S)
        got = signals_of(receiver.messages)
        assert receiver.refused == []
        assert (sorted(got - want)[:5], sorted(want - got)[:5]) == ([], [])
    finally:
        product.close()
        receiver.close()

    allows = {**history.settings["allows"], "Free": {"exports": 8, "invites": 7}}
    assert {row[:5] for row in ask_program(history.messages, {**history.settings, "allows": allows})} != got, (
        "a changed threshold must not go unnoticed"
    )
