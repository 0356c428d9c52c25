"""Benchmarks: each figure a ratio against a peer or a limit, both measured in one run."""
