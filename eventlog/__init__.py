"""The log: records appended to partitions of topics, and read back in order. Kafka's words, nothing of the product in it."""
