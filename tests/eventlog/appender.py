"""A process of its own that appends to an embedded log until it is killed: `python appender.py LOG SEED`.

It prints the number of each append that was acknowledged, so that a test knows what must be there.
"""

import random
import sys
from pathlib import Path

from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry
from runtime.clock import wall_clock


def main() -> None:
    path, seed = Path(sys.argv[1]), int(sys.argv[2])
    choice = random.Random(seed)
    producer = EmbeddedLog(path, wall_clock).producer()
    for number in range(10_000_000):
        size = choice.randrange(1, 60_000)
        body = b"%d:%d:" % (seed, number) + b"x" * size + b":end"
        producer.append([Entry("a", 0, body), Entry("a", 1, body), Entry("b", 0, body)], 10)
        print(number, flush=True)


if __name__ == "__main__":
    main()
