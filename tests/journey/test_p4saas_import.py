"""A SaaS company's history at its true dates through `handraiser import`: recorded, and nothing that is old delivered."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from detector.store import DetectorStore
from runtime.database import open_database
from runtime.settings import Settings
from tests.journey.p4saas_expected import milliseconds
from tests.journey.p4saas_material import DAY_MS, account_of, rulebook
from tests.journey.p4saas_signals import ask_program, signals, signals_told
from tests.journey.p4saas_true_dates import SETTINGS, Source, messages, sources
from tests.journey.product import Product
from tests.journey.receiver import Receiver

SETTLE_WITHIN_S = 150


def run_import(product: Product, key: str, source: Source, *more: str) -> int:
    """How many events were taken."""
    words = [
        sys.executable,
        "-m",
        "handraiser",
        "import",
        str(source.file),
        "--map",
        source.mapping,
        "--key",
        key,
        "--json",
        *more,
    ]
    done = subprocess.run(
        [*words, "--data", str(product.data)], env=product.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["rejected"], said["ended"]) == (0, True)
    return int(said["accepted"])


@pytest.mark.skipif(os.environ.get("HANDRAISER_SOAK") != "1", reason="part of make soak")
@pytest.mark.timeout(300)
def test_history_is_recorded_at_its_dates_and_only_what_is_recent_is_delivered(test_data: Path, tmp_path: Path) -> None:
    folder, now = test_data / "p4saas", int(time.time() * 1000)
    recent = {"recent-1": now - 2 * DAY_MS, "recent-2": now - 6 * DAY_MS, "older-3": now - 8 * DAY_MS}
    told = list(messages(folder, recent))
    rows = ask_program(told, {**SETTINGS, "until": now})
    want = signals(rows)
    happened = {(account_of(message), milliseconds(message["timestamp"])) for message in told}
    by_time_alone = {(account, at) for account, _, _, _, at, _ in rows} - happened
    assert len(by_time_alone) >= 20, "what a cooldown silenced and still held is told when it is over"

    receiver, product = Receiver(), Product(tmp_path / "data")
    try:
        product.start()
        product.create_project("p4saas")
        key = product.api("ingest", "POST", "/v1/keys", {"project": "p4saas", "trust": "server", "may_import": True})["key"]
        product.apply(rulebook(SETTINGS))
        receiver.secret = product.add_endpoint("p4saas", receiver.url)
        taken = [run_import(product, key, source) for source in sources(folder, tmp_path, recent)]
        assert sum(taken) == len(told)
        product.settle(SETTLE_WITHIN_S)
        leads = product.leads("p4saas")
        delivered = Counter(message["data"]["account"]["external_id"] for message in receiver.messages)
        assert receiver.refused == []
    finally:
        product.close()
        receiver.close()
    assert len(leads) > 1_000
    recorded = {(lead["account"]["external_id"], milliseconds(lead["qualified_at"])) for lead in leads}
    assert recorded <= {(account, at) for account, _, _, _, at, _ in rows}
    assert delivered == {"recent-1": 1, "recent-2": 1}
    engine = open_database(Settings(data=product.data), "detector")
    got = signals_told(DetectorStore(engine), "p4saas", map(account_of, told))
    engine.dispose()
    assert (sorted(got - want)[:5], sorted(want - got)[:5]) == ([], [])
