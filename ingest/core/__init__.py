"""Bytes in, usage events and rejections out. Pure: no I/O, no clock, no randomness."""
