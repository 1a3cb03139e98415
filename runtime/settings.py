"""What the environment says. Read once, at the start of a process; see docs/settings.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

DATA_DEFAULT = Path("handraiser-data")


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`kafka` None: the embedded log in `data`. `database_url` None: one SQLite file per room in `data`."""

    data: Path = DATA_DEFAULT
    env: Literal["development", "production"] = "development"
    kafka: str | None = None
    topic_prefix: str = "handraiser."
    """Put before each topic's name on Kafka, where others have topics too."""
    database_url: str | None = None
    master_key: str | None = None
    public_url: str | None = None
    """Where people reach the API: where links in leads' messages lead."""
    kill_at: str | None = None
    """Where the process dies, for tests of crashes: see `runtime.points`."""

    @property
    def production(self) -> bool:
        return self.env == "production"


def read_settings(environ: Mapping[str, str], data: Path | None = None) -> Settings:
    """Settings from HANDRAISER_* variables; `data` (a command line's --data) wins. Raises SettingsError."""
    env = environ.get("HANDRAISER_ENV") or "development"
    if env not in ("development", "production"):
        raise SettingsError(f"HANDRAISER_ENV is '{env}'; set it to development or production.")
    kill_at = environ.get("HANDRAISER_KILL_AT") or None
    if kill_at is not None and env == "production":
        raise SettingsError("HANDRAISER_KILL_AT makes the process kill itself, for tests of crashes: unset it in production.")
    kafka = environ.get("HANDRAISER_KAFKA") or None
    database_url = environ.get("HANDRAISER_DATABASE_URL") or None
    if (kafka is None) != (database_url is None):
        missing, given = (
            ("HANDRAISER_KAFKA", "HANDRAISER_DATABASE_URL") if kafka is None else ("HANDRAISER_DATABASE_URL", "HANDRAISER_KAFKA")
        )
        raise SettingsError(
            f"{given} is set and {missing} is not. Handraiser runs on Kafka and PostgreSQL together, or on neither: "
            "set both or none."
        )
    if database_url is not None and not database_url.startswith(("postgresql://", "postgres://")):
        raise SettingsError("HANDRAISER_DATABASE_URL must begin postgresql:// (leave it unset to use SQLite).")
    return Settings(
        data=data or Path(environ.get("HANDRAISER_DATA") or DATA_DEFAULT),
        env="production" if env == "production" else "development",
        kafka=kafka,
        topic_prefix=environ.get("HANDRAISER_TOPIC_PREFIX", "handraiser."),
        database_url=database_url,
        public_url=_public_url(environ.get("HANDRAISER_PUBLIC_URL") or None),
        master_key=environ.get("HANDRAISER_MASTER_KEY") or None,
        kill_at=kill_at,
    )


def _public_url(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError("HANDRAISER_PUBLIC_URL is an address as people open it in a browser: https://leads.example.com")
    return url.rstrip("/")
