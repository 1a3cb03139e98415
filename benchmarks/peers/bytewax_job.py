"""The job on Bytewax: `python benchmarks/peers/bytewax_job.py BROKERS TOPIC_IN TOPIC_OUT STATE_FOLDER`, in its own venv.

One worker, batches of 1,000 messages a partition as its Kafka source has them. State is in memory, and every 10 seconds (its own
default) what changed is written into SQLite; nothing goes back to Kafka, and what came after a snapshot is read again.
"""

import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

ALLOWED = 500
DAY_MS = 86_400_000
RECOVERY_PARTITIONS = 8
SNAPSHOT_EVERY = timedelta(seconds=10)

Account = tuple[int, int, int, int]
Signal = tuple[int, int, int]


class Judge(StatefulBatchLogic):
    """One account: (day, events on it, gauge, level told)."""

    def __init__(self, account: Account | None) -> None:
        self._account = account or (0, 0, 0, 0)

    def on_batch(self, values: list[dict[str, Any]]) -> tuple[Iterable[Signal], bool]:
        day, events, total, told = self._account
        signals: list[Signal] = []
        for event in values:
            today = event["timestamp"] // DAY_MS
            events = events + 1 if today == day else 1
            day = today
            if event["name"] == "Contact Count Changed":
                total = event["properties"]["total"]
                level = 100 if total >= ALLOWED else 80 if total * 100 >= ALLOWED * 80 else 0
                if level > told:
                    told = level
                    signals.append((level, total, events))
        self._account = (day, events, total, told)
        return signals, StatefulBatchLogic.RETAIN

    def snapshot(self) -> Account:
        return self._account


def keyed(messages: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(message.key.decode(), orjson.loads(message.value)) for message in messages]


def message(signal: tuple[str, Signal]) -> KafkaSinkMessage[bytes, bytes]:
    account, (level, total, events) = signal
    value = {"account": account, "level": level, "total": total, "events": events}
    return KafkaSinkMessage(account.encode(), orjson.dumps(value))


def main(brokers: str, topic_in: str, topic_out: str, folder: str) -> None:
    flow = Dataflow("job")
    events = op.flat_map_batch("keyed", op.input("in", flow, KafkaSource([brokers], [topic_in])), keyed)
    signals = op.stateful_batch("judge", events, Judge)
    op.output("out", op.map("message", signals, message), KafkaSink([brokers], topic_out))
    Path(folder).mkdir(parents=True)
    init_db_dir(Path(folder), RECOVERY_PARTITIONS)
    cli_main(flow, epoch_interval=SNAPSHOT_EVERY, recovery_config=RecoveryConfig(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
