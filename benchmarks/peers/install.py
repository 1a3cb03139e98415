"""Installs the peers into `.peers`, each in a folder of its own: `python -m benchmarks.peers.install` (`make peers`).

Python's by pip into a venv, from a file of pinned versions beside this; Kafka Streams by Maven. What is there already stays.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".peers"
PYTHONS = ("quix", "bytewax")
STREAMS = PEERS / "kafka-streams"


class CannotInstallError(Exception):
    """The message says what is missing."""


def install_python(name: str) -> None:
    folder, pinned = PEERS / name, HERE / f"{name}.txt"
    done = folder / "installed.txt"
    if done.exists() and done.read_text() == pinned.read_text():
        return
    print(f"Installing {name} into {folder} …", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    _run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", pinned])
    done.write_text(pinned.read_text())


def install_streams() -> None:
    """Compiled at every call: it takes seconds, and Maven fetches what it does not have."""
    if shutil.which("mvn") is None:
        raise CannotInstallError("Kafka Streams needs Maven and a JDK (Debian: maven, openjdk-17-jdk-headless)")
    print(f"Compiling the Kafka Streams peer into {STREAMS} …", flush=True)
    _run(["mvn", "-q", "-B", "-f", HERE / "kafka_streams" / "pom.xml", "compile", "dependency:copy-dependencies"])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotInstallError(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr)[-1000:]}")


def install() -> None:
    """All of them. Raises CannotInstallError."""
    for name in PYTHONS:
        install_python(name)
    install_streams()


if __name__ == "__main__":
    try:
        install()
    except CannotInstallError as error:
        sys.exit(str(error))
