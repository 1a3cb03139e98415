"""The real SDKs, from their registries, each in an environment of its own: a lock file's name in, where it is installed out."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.conftest import missing

HERE: Final = Path(__file__).parent
CACHE: Final = Path.home() / ".cache" / "handraiser-tests" / "sdks"
INSTALL_S_MAX: Final = 300


def python_sdk(name: str) -> Path:
    """What `python/<name>.txt` locks, and nothing else, in a folder for sys.path."""
    lock = HERE / "python" / f"{name}.txt"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--root-user-action=ignore",
    ]
    return _once(name, lock, lambda folder: [*pip, "--target", str(folder), "--requirement", str(lock)])


def node_sdk(name: str) -> Path:
    """What `node/<name>/package-lock.json` locks, in a folder for `require`."""
    if shutil.which("npm") is None:
        missing("An SDK of JavaScript", "there is no npm here: install Node.js")
    lock = HERE / "node" / name / "package-lock.json"

    def command(folder: Path) -> list[str]:
        for file in lock.parent.iterdir():
            shutil.copy(file, folder)
        return ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]

    return _once(name, lock, command)


def _once(name: str, lock: Path, command: Callable[[Path], list[str]]) -> Path:
    """Installed by the first who asks; a lock file that changes is another place."""
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder, done = CACHE / f"{name}-{digest}", CACHE / f"{name}-{digest}.done"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            ran = subprocess.run(command(folder), check=False, capture_output=True, text=True, timeout=INSTALL_S_MAX)
            assert ran.returncode == 0, f"{name} is not to be had: {ran.stderr[-2000:]}"
            done.touch()
    return folder
