"""What is measured and how. `make bench` runs all; figures are ratios against a bound measured in the same run, never tests."""
