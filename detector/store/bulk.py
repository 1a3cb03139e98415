"""Many rows in few statements: PostgreSQL gets an array per column (as fast as COPY, and can upsert), SQLite an executemany."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

ROWS_MAX = 4_000
"""Of one statement for PostgreSQL: its driver and its client library hold two more copies of all that goes into one."""
_ARRAYS: dict[type, str] = {
    sa.Text: "text[]",
    sa.Integer: "int4[]",
    sa.BigInteger: "int8[]",
    sa.LargeBinary: "bytea[]",
    sa.Boolean: "bool[]",
}


def insert(
    tx: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    conflict: str = "",
) -> None:
    """Insert `rows` (values in the order of `columns`); `conflict` is an `ON CONFLICT …` clause. No rows: no statement."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if tx.dialect.name == "postgresql":
        arrays = ", ".join(f"%b::{_ARRAYS[type(table.c[name].type)]}" for name in columns)
        statement = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) {conflict}"  # noqa: S608 - our own names
        for begin in range(0, len(rows), ROWS_MAX):
            some = rows[begin : begin + ROWS_MAX]
            tx.exec_driver_sql(statement, tuple([list(values) for values in zip(*some, strict=True)]))
    else:
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {conflict}"  # noqa: S608 - our own names
        tx.exec_driver_sql(statement, list(rows))


def delete(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Delete the rows whose `columns` are one of `rows`. No rows: no statement."""
    if not rows:
        return
    if tx.dialect.name == "postgresql":
        names = ", ".join(f'"{name}"' for name in columns)
        arrays = ", ".join(f"%b::{_ARRAYS[type(table.c[name].type)]}" for name in columns)
        same = " AND ".join(f'{table.name}."{name}" = gone."{name}"' for name in columns)
        statement = f"DELETE FROM {table.name} USING unnest({arrays}) AS gone ({names}) WHERE {same}"  # noqa: S608 - our own names
        tx.exec_driver_sql(statement, tuple([list(values) for values in zip(*rows, strict=True)]))
    else:
        same = " AND ".join(f'"{name}" = ?' for name in columns)
        tx.exec_driver_sql(f"DELETE FROM {table.name} WHERE {same}", list(rows))  # noqa: S608 - our own names


class OneOf(Protocol):
    def __call__(self, column: sa.Column[Any], parameter: str) -> sa.ColumnElement[bool]:
        """`column` is one of the values that `parameter` will have (see `listed`)."""


T = TypeVar("T")


def for_each_dialect(build: Callable[[OneOf], T]) -> Mapping[str, T]:
    """A statement by dialect. Made once: putting one together takes longer than many of them run."""
    return {"postgresql": build(_any_of_array), "sqlite": build(_any_of_json)}


def _any_of_array(column: sa.Column[Any], parameter: str) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam(parameter, type_=ARRAY(column.type)))


def _any_of_json(column: sa.Column[Any], parameter: str) -> sa.ColumnElement[bool]:
    each = sa.func.json_each(sa.bindparam(parameter, type_=sa.Text())).table_valued("value")
    return column.in_(sa.select(each.c.value))


def listed(values: Iterable[str] | Iterable[int], tx: sa.Connection) -> list[Any] | str:
    """One parameter, however many the values are."""
    return list(values) if tx.dialect.name == "postgresql" else json.dumps(list(values))
