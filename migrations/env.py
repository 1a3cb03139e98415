"""What Alembic runs: in, a connection and a room (from migrations.upgrade); out, that room's steps, run on it."""

from alembic import context

from migrations import version_table

connection = context.config.attributes["connection"]
room = context.config.attributes["room"]
context.configure(connection=connection, version_table=version_table(room), transactional_ddl=True)
context.run_migrations(room=room)
