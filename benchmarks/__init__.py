"""Scripts that print the figures of docs/benchmarks.md; run one with `python -m benchmarks.<name>`."""
