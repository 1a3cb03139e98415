"""Lines of `partition<tab>key<tab>value` on standard input; records of a Kafka topic out: `feed.py BROKERS TOPIC`.

A program of its own, in Quix's venv, for that has a client fast enough to fill a topic with millions of single events.
"""

import sys

from confluent_kafka import KafkaException, Producer


def main(brokers: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 50})
    for line in sys.stdin.buffer:
        partition, key, value = line.rstrip(b"\n").split(b"\t", 2)
        while True:
            try:
                producer.produce(topic, value, key, int(partition), on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()


def delivered(error: object, _message: object) -> None:
    if error is not None:
        raise KafkaException(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
