"""Rows of all files in, each posted, a few batches at a time; what came of each goes to the result."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from handraiser.importing.posting import Posted, batches
from handraiser.importing.progress import Shown
from handraiser.importing.reading import HistoryFile
from handraiser.importing.result import Result
from handraiser.importing.rows import Problem, Row

CONNECTIONS = 4


def send_all(
    files: Sequence[HistoryFile],
    post: Callable[[Sequence[Row]], Posted],
    result: Result,
    progress: Shown,
    stop: threading.Event,
) -> None:
    """Return when all is posted. Raises what `post` raises; then, and when interrupted, `stop` is set and nothing runs on."""
    running: set[Future[Posted]] = set()
    with ThreadPoolExecutor(CONNECTIONS, "import") as pool:
        try:
            for batch in batches(_usable(files, result)):
                running.add(pool.submit(post, batch))
                running = _collected(running, result, CONNECTIONS)
                progress.update(result.accepted + result.rejected, sum(file.position for file in files))
            _collected(running, result, 1)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _usable(files: Sequence[HistoryFile], result: Result) -> Iterator[Row]:
    for file in files:
        for row in file.rows():
            if isinstance(row, Problem):
                result.refuse(row)
            else:
                yield row


def _collected(running: set[Future[Posted]], result: Result, most: int) -> set[Future[Posted]]:
    """Wait until fewer than `most` run."""
    while len(running) >= most:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for each in done:
            result.add(each.result())
    return running
