"""The front door: command line, one-process mode, trial. The only package that may import every room."""
