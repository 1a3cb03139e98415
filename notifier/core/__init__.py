"""The notifier's decisions. Pure: no I/O, no clock, no randomness."""
