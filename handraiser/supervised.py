"""The detector as the child of `up`: in, a pipe that ends with the front process; out, JSON lines for its log."""

import logging
import os
import signal
import sys
import threading

from prometheus_client import generate_latest

from detector.store import DetectorStore
from handraiser.detecting import Detecting
from handraiser.ground import open_ground
from handraiser.supervisor import METRICS, READY
from runtime.logs import log_json
from runtime.settings import Settings

LEAVE_S = 1.5
"""The front process is gone: leave within 2 s, whatever hangs. What was not committed is read again."""
METRICS_S = 5.0

logger = logging.getLogger("handraiser.detector")


def run_supervised(settings: Settings) -> int:
    """Until standard input ends; the exit code. Raises CommandError if it cannot start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the front process decides when we go
    log_json(None)
    front_gone = threading.Event()
    threading.Thread(target=_watch_pipe, args=(front_gone,), name="pipe", daemon=True).start()
    ground = open_ground(settings)
    producer = ground.log.producer()
    detecting = Detecting(ground, DetectorStore(ground.database("detector")), producer)
    signal.signal(signal.SIGTERM, lambda *_: detecting.stop())
    threading.Thread(target=_leave_with, args=(front_gone, detecting), name="leave", daemon=True).start()
    detecting.start()
    logger.info(READY)
    while not detecting.ended(METRICS_S):
        logger.info(METRICS, extra={"text": generate_latest().decode()})
    producer.close()
    ground.log.close()
    return 0 if front_gone.is_set() else 1


def _watch_pipe(gone: threading.Event) -> None:
    """Nothing is ever written to the pipe: reading returns when its other end is closed, by us or by the operating system."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    gone.set()
    threading.Timer(LEAVE_S, os._exit, (0,)).start()


def _leave_with(gone: threading.Event, detecting: Detecting) -> None:
    gone.wait()
    detecting.stop()
