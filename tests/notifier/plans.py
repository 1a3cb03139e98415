"""Enough deliveries that a database has to choose, how it then goes about a query, and what it is asked."""

from typing import Any

import sqlalchemy as sa

from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.store import NotifierStore
from notifier.tables import deliveries
from tests.notifier.bench import DEVELOPMENT


def plan_of(query: sa.sql.expression.ClauseElement, engine: sa.Engine) -> str:
    """A line for each step."""
    compiled = query.compile(engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as tx:
        return "\n".join(str(row[-1]) for row in tx.exec_driver_sql(f"{explain} {compiled}"))


def fill(store: NotifierStore, engine: sa.Engine) -> str:
    """5,000 deliveries, 1 in 100 dead, of 500 leads, to 50 endpoints; one of these."""
    ids = [
        store.add_endpoint("acme-mail", f"crm {n}", parse_url("https://8.8.8.8/", DEVELOPMENT), Filters(), n)[0].id
        for n in range(50)
    ]
    row = {"type": "lead.updated", "body": b"{}", "tries": 1, "fence": 1}
    rows = [
        row
        | {"id": f"dl_{n:020x}", "endpoint_id": ids[n % 50], "lead_event_id": f"le_{n:020x}", "lead_id": f"ld_{n % 500}"}
        | {"status": "dead" if n % 100 == 0 else "delivered", "created_at": n, "settled_at": n}
        for n in range(5_000)
    ]
    with engine.begin() as tx:
        tx.execute(deliveries.insert(), rows)
    with engine.begin() as tx:
        tx.exec_driver_sql("ANALYZE deliveries")
    return ids[0]


def asked_of(engine: sa.Engine) -> list[str]:
    """What kinds of statements are executed from now on."""
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        kind = str(arguments[2]).split()[0]
        if kind != "BEGIN":
            asked.append(kind)

    sa.event.listen(engine, "before_cursor_execute", note)
    return asked
