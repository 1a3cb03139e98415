"""Other engines doing the job of `benchmarks/job.py` over the same events, one a record, from a Kafka topic to a Kafka topic."""
