"""`handraiser migrate`, and what a service asks before it starts: in, settings; out, the newest tables, or why not."""

from collections.abc import Iterable

import sqlalchemy as sa
import sqlalchemy.exc

import migrations
from handraiser.errors import CommandError
from runtime.database import database_url, open_database
from runtime.settings import Settings


def migrate(settings: Settings, rooms: Iterable[str] = migrations.ROOMS) -> dict[str, str]:
    """Bring every room's tables to the newest revision; room -> revision. Raises CommandError."""
    for room in rooms:
        engine = open_database(settings, room)
        try:
            if _is_older(engine, room):
                migrations.upgrade(engine, room)
        except sqlalchemy.exc.OperationalError as error:
            raise unreachable(settings, room, error) from error
        finally:
            engine.dispose()
    return dict.fromkeys(rooms, migrations.expected())


def require_migrated(engine: sa.Engine, settings: Settings, room: str) -> None:
    """A single service changes no tables: it refuses to start on others than it knows. Raises CommandError."""
    try:
        found = migrations.current(engine, room)
    except sqlalchemy.exc.OperationalError as error:
        raise unreachable(settings, room, error) from error
    if found != migrations.expected():
        raise CommandError(
            "database_behind",
            f"The database of {room} is at migration {found or 'none'}; this version needs {migrations.expected()}. "
            "Run `handraiser migrate` with the same settings, then start again.",
        )


def unreachable(settings: Settings, room: str, error: Exception) -> CommandError:
    """What to do about a database that does not answer. The address is told without its password."""
    reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
    address = database_url(settings, room).render_as_string(hide_password=True)
    kind = "PostgreSQL" if settings.database_url else "The SQLite file"
    return CommandError(
        "database_unreachable",
        f"{kind} {address} cannot be used: {reason}. Check that it runs and that HANDRAISER_DATABASE_URL is right."
        if settings.database_url
        else f"{kind} {address} cannot be used: {reason}. Check the folder's permissions and its disk.",
    )


def _is_older(engine: sa.Engine, room: str) -> bool:
    """Whether there is something to do. Raises CommandError for tables of a newer version."""
    found = migrations.current(engine, room)
    if found is not None and found > migrations.expected():
        raise CommandError(
            "database_ahead",
            f"The database of {room} is at migration {found}, made by a newer version; this one knows {migrations.expected()}. "
            "Start the newer version.",
        )
    return found != migrations.expected()
