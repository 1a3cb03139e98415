"""The front door: command line, one-process mode, trial. The only package that may import every room."""

from importlib.metadata import version

VERSION = version("handraiser")
