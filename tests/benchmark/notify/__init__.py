"""Benchmark of notify: every event told under one id whatever is killed or fails, and from message to webhook."""
