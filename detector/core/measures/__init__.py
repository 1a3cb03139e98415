"""Facts and a time in, one answer out: the numbers that rules compare, as of t."""
