"""The rulebook: text in (`parse`), checked data (`model`), generated Python out (`compile`)."""
