"""What is measured, and how: docs/performance.md says it, and `make bench` writes the figures there. Never tests."""
