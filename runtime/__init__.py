"""What every process needs and that knows nothing of the product: settings, clock, database, logs, web."""
