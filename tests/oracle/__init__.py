"""The naive oracle: what the detector must find, said again from the words of the design alone. Standard library only."""
