"""Benchmarks: `make bench-*`. Each compares in one run on one machine, prints ratios and writes `.graftwatch/bench/NAME.json`."""
