"""Signals of the p4saas history: what the independent program expects, and what the detector's ledgers hold."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from detector.core.account import Account
from detector.store import DetectorStore
from tests.journey import p4saas_expected

Signal: TypeAlias = tuple[str, str, str, str, int]
"""(account, lead type, rule, the highest step that it reached, qualified_at)."""


def ask_program(messages: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> set[p4saas_expected.Row]:
    """What the messages must give, from the program run on its own."""
    program = subprocess.run(
        [sys.executable, p4saas_expected.__file__, json.dumps(settings)],
        input="\n".join(map(json.dumps, messages)),
        capture_output=True,
        text=True,
        check=True,
    )
    return {tuple(json.loads(line)) for line in program.stdout.splitlines()}


def signals(rows: Iterable[p4saas_expected.Row]) -> set[Signal]:
    """The signals of the program's rows, each with the highest step that it reached."""
    found: dict[tuple[str, str, int], Signal] = {}
    for account, lead_type, rule, step, _, qualified_at in sorted(rows, key=lambda row: row[4]):
        known = found.get((account, rule, qualified_at))
        found[account, rule, qualified_at] = (account, known[1] if known else lead_type, rule, step, qualified_at)
    return set(found.values())


def signals_told(store: DetectorStore, project: str, accounts: Iterable[str]) -> set[Signal]:
    """Those that the accounts' ledgers hold, as stored: the newest 8 of each rule."""
    stored = store.accounts.load((project, name) for name in set(accounts))
    ledgers = {name: Account.load(project, name, *body).ledger for (project, name), body in stored.items()}
    return {
        (name, signal.lead_type, rule, signal.step or "", signal.qualified_at)
        for name, ledger in ledgers.items()
        for rule, state in ledger.rules.items()
        for signal in state.signals
    }
