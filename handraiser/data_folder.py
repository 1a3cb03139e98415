"""The files that `up` keeps in its data folder, and what the other commands read there: in, a path; out, keys and addresses."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from handraiser.errors import CommandError

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Names of the files; nothing is read or made before a method is called."""

    path: Path

    @property
    def api_key(self) -> Path:
        return self.path / "api-key"

    @property
    def master_key(self) -> Path:
        return self.path / "master-key"

    @property
    def trial_key(self) -> Path:
        return self.path / "trial-key"

    @property
    def server(self) -> Path:
        """Where the running `up` listens: `{"url": "http://127.0.0.1:8080", "pid": 1}`."""
        return self.path / "server.json"

    @property
    def log_file(self) -> Path:
        return self.path / "handraiser.log"

    def make(self) -> None:
        """Make the folder, which holds people's data, for its owner only; prove that it can be written. Raises CommandError."""
        try:
            self.path.mkdir(0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise CommandError(
                "data_folder_unwritable",
                f"The data folder {self.path} cannot be written ({error.strerror}). "
                "Make it writable, or choose another: handraiser up --data DIR.",
            ) from error

    def server_url(self) -> str | None:
        try:
            url = json.loads(self.server.read_text())["url"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return str(url)

    def write_server(self, url: str) -> None:
        write_private(self.server, json.dumps({"url": url, "pid": os.getpid()}) + "\n")


def read_secret(path: Path) -> str | None:
    """The one line in `path`; None where there is none."""
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def write_private(path: Path, text: str) -> None:
    """Replace `path` whole, readable by its owner only."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
