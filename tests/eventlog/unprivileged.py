"""A process of its own that opens an embedded log without the privilege to write it: `python unprivileged.py LOG`.

It prints what the log says. The modules are loaded before privileges go, because an ordinary user may not read them.
"""

import os
import sys
from pathlib import Path

from eventlog.log_embedded import EmbeddedLog
from eventlog.port import LogError
from runtime.clock import wall_clock


def main() -> None:
    if os.getuid() == 0:
        os.setuid(65534)  # nobody
    try:
        EmbeddedLog(Path(sys.argv[1]), wall_clock).producer().append([], 1)
    except LogError as error:
        print(error)


if __name__ == "__main__":
    main()
