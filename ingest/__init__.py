"""HTTP in, durable in the log, answer."""
