"""A process that is measured: on a core of its own; what it prints is told if something fails, and it ends with the measuring."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import MEASURED, on

PRINTED_TOLD = 2_000
"""Characters of its end."""


@contextmanager
def service(command: Sequence[str | Path], printed: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """The id of the running process. It is killed in the end: what it leaves goes with its folder."""
    with (
        printed.open("wb") as out,
        on(MEASURED),
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
