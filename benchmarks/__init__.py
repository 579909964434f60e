"""Measures Faro on the machine at hand: `python -m benchmarks.<name>` prints Markdown tables."""
