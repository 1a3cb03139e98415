"""A rulebook over history, before it is switched on: the same fold, judge and commands, in memory, nothing published."""
