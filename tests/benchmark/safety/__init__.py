"""Benchmark of safety: gradings, and from a laboratory message on the feed to the committed event."""
