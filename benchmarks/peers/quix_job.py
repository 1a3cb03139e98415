"""The job on Quix Streams: `python benchmarks/peers/quix_job.py BROKERS GROUP TOPIC_IN TOPIC_OUT FOLDER`, in its own venv.

Everything is as Quix Streams has it: state in RocksDB with a changelog topic, at-least-once, a checkpoint (changelog flushed,
offsets committed) every 5 seconds.
"""

import sys
from typing import Any

from quixstreams import Application, State

ALLOWED = 500
DAY_MS = 86_400_000


def judge(event: dict[str, Any], key: str, _timestamp: int, _headers: Any, state: State) -> list[dict[str, Any]]:
    day, events, total, told = state.get("account") or (0, 0, 0, 0)
    today = event["timestamp"] // DAY_MS
    events = events + 1 if today == day else 1
    level = told
    if event["name"] == "Contact Count Changed":
        total = event["properties"]["total"]
        level = max(told, 100 if total >= ALLOWED else 80 if total * 100 >= ALLOWED * 80 else 0)
    state.set("account", (today, events, total, level))
    return [{"account": key, "level": level, "total": total, "events": events}] if level > told else []


def main(brokers: str, group: str, topic_in: str, topic_out: str, folder: str) -> None:
    app = Application(brokers, consumer_group=group, auto_offset_reset="earliest", state_dir=folder)
    events = app.topic(topic_in, key_deserializer="str", value_deserializer="json")
    signals = app.topic(topic_out, key_serializer="str", value_serializer="json")
    app.dataframe(events).apply(judge, stateful=True, metadata=True, expand=True).to_topic(signals)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
