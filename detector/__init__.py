"""Usage events in, lead events out: folds events into each account's facts and judges the rulebook at every event's own time."""
