"""Ingest as it is served, for each test anew."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ingest.served import Served


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    ingest = Served(tmp_path)
    yield ingest
    await ingest.close()
