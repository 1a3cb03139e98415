"""The commands, one file per noun: in, a command line; out, what it asked for, as a table or as one JSON document."""
