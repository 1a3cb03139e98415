"""Runs one server of the tests (a JSON description on stdin) until the test run it belongs to has ended, then clears its folder.

A process of its own, so that a server is stopped, too, when the test run is killed.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

LOOK_EVERY_S = 0.25
STOP_WITHIN_S = 10


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    what = json.load(sys.stdin)
    folder = Path(what["folder"])
    who = {"user": what["user"], "group": what["group"], "extra_groups": []} if what["user"] is not None else {}
    with (folder / "server.out").open("ab") as out:
        server = subprocess.Popen(what["command"], stdout=out, stderr=subprocess.STDOUT, cwd=folder, **who)
    (folder / "pid").write_text(str(server.pid))
    while server.poll() is None and alive(what["lives_with"]):
        time.sleep(LOOK_EVERY_S)
    if server.poll() is None:
        server.send_signal(what["stop_signal"])
        try:
            server.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)  # a server that ended by itself leaves its folder, for its output


if __name__ == "__main__":
    main()
