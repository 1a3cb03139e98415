"""Rows of a CRM's export and a mapping (YAML) in; `group` events that say what each account is, out."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from detector.core.emails import address
from handraiser.errors import CommandError
from handraiser.importing.mapping import Cell, Constant, RowMapping, Source, members_of, refused, source_of, yaml_map
from handraiser.importing.rows import Event, RowError, encoded

OWNER_TRAIT: Final = "owner_email"
"""Where the shipped base looks for whose an account is."""
KEYS: Final = ("account", "owner", "timestamp", "traits")
EXAMPLE: Final = """\
  account: {column: Product Account Id}
  owner: {column: Account Owner Email}
  traits: {crm_id: {column: Account ID, as: text}, name: {column: Account Name}, employees: {column: Employees}}"""
_ONLY_A_DAY: Final = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)


def read_account_mapping(text: str, name: str) -> RowMapping:
    """`name`: of the file, for messages. Raises CommandError."""
    root = yaml_map(text, name, EXAMPLE)
    for key in root:
        if key not in KEYS:
            remedy = "What else an account is goes into `traits`" if isinstance(key, str) else "Keys are texts"
            raise refused(f"{name}: `{key}` is nothing that a row says. There are: {', '.join(KEYS)}. {remedy}.")
    if "account" not in root or not {"owner", "traits"} & root.keys():
        lacks = "`account` is missing: the column with the id that your product's events name"
        lacks = lacks if "account" not in root else "`owner` or `traits` is missing: the row would say nothing"
        raise refused(f"{name}: {lacks}. For example:\n{EXAMPLE}")
    fields: dict[str, Source] = {"type": Constant("group"), "groupId": _column(root["account"], "account", name)}
    if "timestamp" in root:
        fields["timestamp"] = _column(root["timestamp"], "timestamp", name)
    traits = members_of(root["traits"], "traits", name) if "traits" in root else {}
    if "owner" in root:
        if OWNER_TRAIT in traits:
            raise refused(f"{name}: `owner` is the trait {OWNER_TRAIT}, and `traits` has it too. Keep one of them.")
        traits = {**traits, OWNER_TRAIT: _column(root["owner"], "owner", name)}
    return RowMapping(fields, {"traits": traits})


def _column(value: object, key: str, name: str) -> Cell:
    source = source_of(value, key, name)
    if isinstance(source, Constant):
        raise refused(f"{name}: `{key}` is another one in each row: write {key}: {{column: NAME}}.")
    return source


def written_at(path: Path) -> str:
    """When the file was, to the millisecond: what it says was true then. Raises CommandError."""
    try:
        changed = path.stat().st_mtime
    except OSError as error:
        raise CommandError("no_file", f"{path} cannot be read: {error.strerror}.") from error
    return datetime.fromtimestamp(max(0.0, changed), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AccountRows:
    """Of one file. `as_of`: the time of rows that have none of their own.

    An id is a hash of all that a row says and of its time: the same row is the same message, whatever stands around it, and a
    value that goes there and back between three exports counts each time.
    """

    def __init__(self, mapping: RowMapping, as_of: str) -> None:
        as_constant = {"timestamp": Constant(as_of)} if "timestamp" not in mapping.fields else {}
        self._rows = RowMapping({**mapping.fields, **as_constant}, mapping.objects)
        self._said: dict[bytes, bytes] = {}
        """Account and time -> what was said, as hashes: two rows that differ could not both be true."""

    def columns(self) -> Iterator[tuple[str, str]]:
        shown = {"groupId": "account", f"traits.{OWNER_TRAIT}": "owner"}
        return ((shown.get(what, what), column) for what, column in self._rows.columns())

    def event(self, row: Mapping[str, str]) -> Event:
        """An empty cell leaves its trait out, an empty owner takes the former one back. Raises RowError."""
        account, time, owner = (self._column_of(key) for key in ("groupId", "timestamp", OWNER_TRAIT))
        if not row[str(account)].strip():
            raise RowError("missing_account", "the account's id is missing.", account)
        if time is not None and _ONLY_A_DAY.fullmatch(row[time].strip()):
            said = f'"{row[time].strip()}" is a day, and two exports of one day could not be told apart'
            raise RowError("invalid_timestamp", f"{said}: export the time too, or leave `timestamp` out of the mapping.", time)
        event = self._rows.event(row)
        traits = event.setdefault("traits", {})
        if owner is not None:
            traits[OWNER_TRAIT] = _address(row[owner].strip(), owner)
        if not traits:
            raise RowError("says_nothing", "all mapped cells are empty: the row says nothing.")
        digest = hashlib.sha256(encoded(event)).digest()
        key = hashlib.sha256(encoded({"groupId": event["groupId"], "timestamp": event["timestamp"]})).digest()[:16]
        if self._said.setdefault(key, digest[:16]) != digest[:16]:
            raise RowError("account_twice", f'account "{event["groupId"]}" stands in a row above with other values.', account)
        event["messageId"] = f"account-{digest.hex()[:32]}"
        return event

    def _column_of(self, key: str) -> str | None:
        source = self._rows.fields.get(key) or self._rows.objects["traits"].get(key)
        return source.column if isinstance(source, Cell) else None


def _address(text: str, column: str) -> str | None:
    if not text:
        return None
    if address(text) is not None:
        return text
    raise RowError("invalid_owner", f'"{text[:60]}" is no e-mail address: leads are told whose they are by one.', column)
