"""`handraiser import` against a running `up`: what it prints, and that running it again after a kill doubles nothing."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.codec import decode
from contracts.messages import EVENTS, UNATTRIBUTED, ImportEnd, UsageEvent
from eventlog.log_embedded import EmbeddedLog
from handraiser.importing.progress import Spoken
from runtime.clock import wall_clock
from tests.handraiser.conftest import Running, environment, until

EVENTS_SENT = 30_000
SOON_S = 20.0
BYTES_CUT = 200_000
"""Of the log; all that is sent takes many times as much."""
RULEBOOK = """
project: acme
account: [group]
currency: EUR
limits: {sends: {count: Sent, resets: month}}
plans:
  free: {stage: free, price: 0, allows: {sends: 1000000}, has: []}
no_plan: free
"""
MAP = """
type: track
event: {column: what}
groupId: {column: customer}
timestamp: {column: day}
properties: {total: {column: total}}
"""


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def in_log(running: Running, topic: str) -> list[Any]:
    log = EmbeddedLog(running.data / "log.sqlite", wall_clock)
    consumer = log.consumer([topic])
    for partition in consumer.assignment():
        consumer.seek(partition, 0)
    messages: list[Any] = []
    while records := consumer.poll(0, 64 * 1024 * 1024):
        for record in records:
            message = decode(record.value)
            messages += message if isinstance(message, list) else [message]
    consumer.close()
    log.close()
    return messages


def test_a_newcomer_imports_into_the_trial(trial: Running, tmp_path: Path) -> None:
    joined = {"type": "group", "userId": "zoe", "groupId": "zoo", "traits": {"name": "Zoo"}, "timestamp": "2024-01-01"}
    filled = {
        "type": "track",
        "userId": "zoe",
        "event": "Contact Count Changed",
        "properties": {"total": 100},
        "timestamp": 1704153600,
    }
    write(tmp_path / "events.ndjson", joined, filled, {**filled, "event": ""})
    (tmp_path / "contacts.csv.gz").write_bytes(
        gzip.compress(b"day,customer,what,total\n2024-02-01,yak,Contact Count Changed,90\nx,,,\n")
    )
    (tmp_path / "map.yaml").write_text(MAP)
    files = [str(tmp_path / "events.ndjson"), str(tmp_path / "contacts.csv.gz"), "--map", str(tmp_path / "map.yaml")]
    done = trial.handraiser("import", *files)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Imported 3 events in ")
    assert lines[1] == "2 rows could not be used:"
    assert lines[2].startswith(f'  {files[1]}, line 3, column "day": "x" is no time')
    assert lines[3] == f"  {files[0]}, line 3: A track needs `event`: the name of what happened."
    assert lines[-1] == "See them: handraiser leads list --project acme-mail"
    usage = {name: trial.api.get(f"/v1/accounts/{name}", params={"project": "acme-mail"}).json() for name in ("zoo", "yak")}
    assert {name: account["usage"][0]["used"] for name, account in usage.items()} == {"zoo": 100, "yak": 90}
    imported = [m for m in in_log(trial, EVENTS) if isinstance(m, UsageEvent) and m.historical]
    assert {(event.account, event.timestamp) for event in imported} >= {("zoo", 1704153600_000), ("yak", 1706745600_000)}
    for topic in (EVENTS, UNATTRIBUTED):
        (end,) = [message for message in in_log(trial, topic) if isinstance(message, ImportEnd)]
        assert end.project == "acme-mail"


def test_a_rehearsal_needs_no_server_and_shows_the_first_event(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ndjson", {"type": "track", "event": "Sent", "groupId": "zoo", "timestamp": 1704153600})
    words = [sys.executable, "-m", "handraiser", "import", str(path), "--dry-run"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), cwd=tmp_path, check=True)
    assert done.stdout.startswith("1 event can be imported. Nothing was sent (--dry-run).\n")
    assert '"timestamp":"2024-01-02T00:00:00.000Z"' in done.stdout
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, env=environment(), cwd=tmp_path, check=True)
    assert json.loads(done.stdout)["examples"][str(path)]["event"] == "Sent"


def test_a_terminal_sees_a_bar_with_rate_and_time_left(tmp_path: Path) -> None:
    event = {"type": "track", "event": "Sent", "groupId": "zoo", "timestamp": 1704153600}
    path = write(tmp_path / "a.ndjson", *[event] * 5_000)
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "handraiser", "import", str(path), "--dry-run"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=theirs, env=environment({"COLUMNS": "120", "TERM": "xterm"})
    ) as done:
        os.close(theirs)
        shown = "".join(until_closed(ours))
        assert done.stdout is not None
        assert done.stdout.read().startswith(b"5,000 events can be imported.")
    os.close(ours)
    assert re.search(r"Importing .*\d+%.* [\d,]+ events [\d,]+ a second .*left", shown)


def until_closed(terminal: int) -> Iterator[str]:
    """What is shown there, until nobody has it open any more."""
    try:
        while shown := os.read(terminal, 4096):
            yield shown.decode(errors="replace")
    except OSError:
        return


def test_without_a_terminal_a_line_is_told_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = Spoken(1_000, every_s=0)
    spoken.update(500, 250)
    assert re.fullmatch(r"500 events, 25 %, [\d,]+ a second, about \d+ s left\n", capsys.readouterr().err)
    often = Spoken(1_000)
    often.update(500, 250)
    assert capsys.readouterr().err == ""


def test_a_key_says_in_the_list_whether_it_may_import(trial: Running) -> None:
    made = trial.json("keys", "create", "--may-import")
    assert made["may_import"] is True
    table = trial.handraiser("keys", "list").stdout.splitlines()
    assert "MAY IMPORT" in table[0]
    assert next(line for line in table if line.startswith(made["id"])).split()[3] == "yes"
    refused = trial.handraiser("keys", "create", "--may-import", "--trust", "browser")
    assert (refused.returncode, "Make a server key" in refused.stderr) == (1, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_import_that_was_cut_short_is_run_again_and_counts_once(
    start: Callable[..., Running], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    running = start()
    running.json("projects", "create", "acme")
    (tmp_path / "rulebook.yaml").write_text(RULEBOOK)
    running.json("rules", "apply", str(tmp_path / "rulebook.yaml"))
    key = running.json("keys", "create", "--may-import")["key"]
    joined = [{"type": "group", "userId": f"u{n}", "groupId": f"a{n}", "timestamp": "2024-01-01"} for n in range(10)]
    now = wall_clock()  # the account's page shows this month's count
    # equal rows are events of their own: 100 rows of each person and millisecond
    sent = [{"type": "track", "userId": f"u{n % 10}", "event": "Sent", "timestamp": now + n // 1000} for n in range(EVENTS_SENT)]
    path = write(tmp_path / "events.ndjson", *joined, *sent)
    words = [sys.executable, "-m", "handraiser", "import", str(path), "--key", key, "--data", str(running.data)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in a shell's background it is ignored, and children inherit that
    began = bytes_logged(running)
    with (tmp_path / "err").open("w") as err:
        cut = subprocess.Popen(words, env=environment(), stdout=err, stderr=err, start_new_session=True)
    until("some of it has come", lambda: bytes_logged(running) > began + BYTES_CUT, 30)
    os.kill(cut.pid, number)
    assert cut.wait(30) == code, (tmp_path / "err").read_text()
    if number == signal.SIGINT:
        assert "Run the same command again to go on: nothing is doubled." in (tmp_path / "err").read_text()
    assert received(running) < EVENTS_SENT
    assert not [message for message in in_log(running, EVENTS) if isinstance(message, ImportEnd)]
    said = running.json("import", str(path), "--key", key)
    assert (said["accepted"], said["rejected"], said["ended"]) == (len(joined) + len(sent), 0, True)
    ids = Counter(event.id for event in in_log(running, EVENTS) if isinstance(event, UsageEvent))
    assert len(ids) == len(joined) + len(sent)
    assert max(ids.values()) >= 2
    accounts = [running.api.get(f"/v1/accounts/a{n}", params={"project": "acme"}).json() for n in range(10)]
    assert [account["usage"][0]["used"] for account in accounts] == [EVENTS_SENT // 10] * 10
    assert isinstance(in_log(running, EVENTS)[-1], ImportEnd)


def bytes_logged(running: Running) -> int:
    """Seen at once, however busy the server is."""
    return sum(path.stat().st_size for path in running.data.glob("log.sqlite*"))


def received(running: Running) -> int:
    """Events that ingest has taken."""
    lines = running.http.get("/metrics").text.splitlines()
    return int(next(float(line.split()[1]) for line in lines if line.startswith("handraiser_ingest_events_total")))


def test_a_crms_owners_reach_the_leads_that_are_open_and_the_next(trial: Running, tmp_path: Path) -> None:
    """As docs/import.md shows it."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", Path("docs/import.md").read_text(), re.MULTILINE | re.DOTALL)
    (table,) = [text for _, text in blocks if text.startswith("Account ID,")]
    (mapping,) = [text for _, text in blocks if text.startswith("account: ")]
    (shown,) = [text for _, text in blocks if text.startswith("$ handraiser accounts import")]
    crm, by = tmp_path / "crm.csv", tmp_path / "crm.yaml"
    crm.write_text(table)
    by.write_text(mapping)

    def owners() -> dict[str, str | None]:
        leads = trial.api.get("/v1/leads", params={"project": "acme-mail"}).json()["data"]
        whole = [trial.api.get(f"/v1/leads/{each['lead_id']}").json() for each in leads]
        return {each["account"]["external_id"]: each["owner"]["email"] for each in whole}

    full = {"type": "track", "userId": "yan", "event": "Contact Count Changed", "properties": {"total": 487}}
    body = {"batch": [{**full, "groupId": "yak"}, {**full, "groupId": "bolt"}]}
    assert trial.http.post("/v1/batch", json=body, auth=(trial.read("trial-key"), "")).json()["accepted"] == 2
    until("leads", lambda: {"yak", "bolt"} <= owners().keys(), SOON_S)
    assert (owners()["yak"], owners()["bolt"]) == (None, None)

    done = trial.handraiser("accounts", "import", str(crm), "--map", str(by))
    assert done.returncode == 1, done.stderr
    told = re.sub(r"in \d+\.\d s", "in 0.1 s", done.stdout.replace(f"{tmp_path}/", ""))
    assert told == shown.partition("\n")[2]
    until("an owner", lambda: owners()["bolt"] == "ana@acme-mail.example", SOON_S)
    before = trial.api.get("/v1/leads", params={"project": "acme-mail"}).json()["data"]

    assert trial.handraiser("accounts", "import", str(crm), "--map", str(by)).returncode == 1
    os.utime(crm)  # a newer export that says the same
    assert trial.handraiser("accounts", "import", str(crm), "--map", str(by)).returncode == 1
    crm.write_text(table.replace("ana@", "gil@").replace('"Yak, Inc",,', '"Yak, Inc",hana@acme-mail.example,'))
    assert trial.handraiser("accounts", "import", str(crm), "--map", str(by)).returncode == 1
    until(
        "other owners", lambda: (owners()["bolt"], owners()["yak"]) == ("gil@acme-mail.example", "hana@acme-mail.example"), SOON_S
    )
    now = trial.api.get("/v1/leads", params={"project": "acme-mail"}).json()["data"]
    then, later = ({each["account"]["external_id"]: each["revision"] for each in leads} for leads in (before, now))
    assert [later[name] - then[name] for name in ("bolt", "yak")] == [1, 1], "only what is different is told"
    whole = [trial.api.get(f"/v1/leads/{each['lead_id']}").json() for each in now]
    assert [each["crm"] for each in whole if each["account"]["external_id"] == "bolt"] == [{"id": "0015g00000A1"}]
    sent = [event for event in in_log(trial, EVENTS) if isinstance(event, UsageEvent) and event.id.startswith("account-")]
    assert len({event.id for event in sent}) == len(sent) - 2, "the second run sent the same two messages"
    assert not any(event.historical for event in sent)
    assert trial.handraiser("verify", "--account", "bolt", "--project", "acme-mail").returncode == 0
