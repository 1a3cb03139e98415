"""Processes that end with the measuring: a single one on a core of its own, whose last words are told if it fails; a product."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import MEASURED, on
from tests.journey.product import Product

PRINTED_TOLD = 2_000
"""Characters of its end."""


@contextmanager
def service(
    command: Sequence[str | Path], printed: Path, environment: Mapping[str, str], cores: set[int] = MEASURED
) -> Iterator[int]:
    """The id of the process that runs on `cores`. It is killed in the end: what it leaves goes with its folder."""
    with (
        printed.open("wb") as out,
        on(cores),
        subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True) as process,
    ):
        try:
            yield process.pid
        except BaseException as error:
            ended = process.poll()
            state = "was running" if ended is None else f"had ended with {ended}"
            error.add_note(f"{' '.join(map(str, command))} {state}: {printed.read_text(errors='replace')[-PRINTED_TOLD:]}")
            raise
        finally:
            process.kill()


@contextmanager
def running(product: Product) -> Iterator[Product]:
    """Started; ended in any case, also what did start of one that could not."""
    try:
        product.start()
        yield product
    finally:
        product.close()
