"""The OpenAPI document is true: generated requests, odd ones too, get only answers that it names, in the shapes that it gives."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journey.product import Product
from tests.journey.receiver import Receiver
from tests.journey.test_journey import contacts, open_shop

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(180)
def test_every_answer_is_one_that_the_document_names(tmp_path: Path) -> None:
    product, receiver = Product(tmp_path / "data"), Receiver()
    try:
        product.send(open_shop(product, receiver), contacts("acc_1", 487))
        assert receiver.wait(lambda r: len(r.messages) == 1, 20)
        key = product.http.headers["authorization"]
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(CONFIG),
            "run",
            f"{product.url('detector')}/openapi.json",
        ]
        options = ["--header", f"Authorization: {key}", "--seed", "20261122", "--no-color"]
        options += ["--phases", "coverage,fuzzing", "--max-examples", "5"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    finally:
        product.close()
        receiver.close()
