"""`handraiser verify` over a SaaS company's history: how fast the log is read again, against what the detector took live.

`python -m benchmarks.verify FOLDER`, FOLDER the one that holds `p4saas` (else HANDRAISER_TEST_DATA, or `../shared/data`).
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import report
from benchmarks.servers import place
from tests.journey.p4saas_material import History, rulebook
from tests.journey.product import Product

BATCH = 100
SETTLE_WITHIN_S = 300


def send(product: Product, key: str, messages: list[dict[str, Any]]) -> None:
    for begin in range(0, len(messages), BATCH):
        body = gzip.compress(json.dumps({"batch": messages[begin : begin + BATCH]}).encode(), 1)
        headers = {"content-encoding": "gzip"}
        answer = product.http.post(f"{product.url('ingest')}/v1/batch", content=body, headers=headers, auth=(key, ""))
        assert (answer.status_code, answer.json()["rejected"]) == (200, 0)


def verify(data: Path, environment: dict[str, str]) -> tuple[dict[str, Any], float, int]:
    """(its document, CPU s, bytes resident at most) of one run."""
    command = [sys.executable, "-m", "handraiser", "verify", "--data", str(data), "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return document, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def measure(folder: Path) -> list[tuple[str, str]]:
    with place("embedded") as (data, settings):
        history, product = History(folder / "p4saas", int(time.time() * 1000)), Product(data, settings)
        product.start()
        key = product.create_project("p4saas")
        product.apply(rulebook(history.settings))
        began = time.monotonic()
        send(product, key, history.messages)
        product.settle(SETTLE_WITHIN_S)
        live = time.monotonic() - began
        product.stop()
        told, cpu, resident = verify(data, product.environment)
        assert told["result"] == "agreement", told
        events = told["events"]
        return [
            ("history", f"{events:,} events, {told['leads']:,} leads, {told['lead_events']:,} lead events"),
            ("verify", f"{told['took_s']:.1f} s: {events / told['took_s']:,.0f} events/s wall, {events / cpu:,.0f} a core"),
            ("memory", f"{resident / 1e6:,.0f} MB resident at most"),
            ("ratio", f"{live / told['took_s']:.1f} times as fast as sending, judging and settling it was"),
        ]


def main() -> None:
    beside = Path(__file__).parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(os.environ.get("HANDRAISER_TEST_DATA") or beside))
    folder = parser.parse_args().folder
    if not (folder / "p4saas").is_dir():
        print(f"Verify: skipped, there is no folder {folder / 'p4saas'} (HANDRAISER_TEST_DATA says where it is)")
        return
    report("Verify (embedded log, SQLite)", measure(folder))


if __name__ == "__main__":
    main()
