"""The OpenAPI document is true: generated requests, odd ones too, get only answers that it names, in the shapes that it gives."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journey.product import Product
from tests.journey.receiver import Receiver
from tests.journey.test_journey import contacts, open_shop

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.timeout(180)
def test_every_answer_is_one_that_the_document_names(tmp_path: Path) -> None:
    product, receiver = Product(tmp_path / "data"), Receiver()
    try:
        product.send(open_shop(product, receiver), contacts("acc_1", 487))
        assert receiver.wait(lambda r: len(r.messages) == 1, 20)
        key = product.http.headers["authorization"]
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{product.url('detector')}/openapi.json"]
        options = ["--header", f"Authorization: {key}", "--checks", CHECKS, "--seed", "20261122", "--no-color"]
        options += ["--phases", "coverage,fuzzing", "--max-examples", "2"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    finally:
        product.close()
        receiver.close()
