"""docker-compose.yml is loaded by the library that `docker compose` uses; a misspelt key must fail. It is checked, not run."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import go

ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).parent / "check"
GO_MIN = (1, 24)
"""What compose-go needs."""


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = go("Checking docker-compose.yml", GO_MIN)
    program = tmp_path_factory.mktemp("go") / "check"
    subprocess.run([command, "build", "-o", str(program), "."], cwd=CHECK, check=True, timeout=280)
    return program


def load(checker: Path, file: Path) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "POSTGRES_PASSWORD": "x", "HANDRAISER_MASTER_KEY": "y"}
    return subprocess.run([str(checker), str(file)], capture_output=True, text=True, check=False, env=environ)


@pytest.mark.timeout(300)  # the first build on a machine compiles all of compose-go
def test_the_compose_file_loads_strictly(checker: Path) -> None:
    loaded = load(checker, ROOT / "docker-compose.yml")
    assert loaded.returncode == 0, loaded.stderr
    assert sorted(loaded.stdout.strip("[]\n").split()) == ["detector", "ingest", "kafka", "migrate", "notifier", "postgres"]


@pytest.mark.timeout(300)
def test_a_misspelt_key_in_the_compose_file_fails(checker: Path, tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(text.replace("    healthcheck: *ready\n", "    healthchek: *ready\n", 1))
    loaded = load(checker, wrong)
    assert loaded.returncode == 1
    assert "healthchek" in loaded.stderr
