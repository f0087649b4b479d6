"""Ingest: the hospital feed into timelines.

Reads: the feed topics. Decides: which facts a resource states, which of its versions is the current one, and what became of
every message. Writes: `identity` and `timeline`, dead letters, one hint per changed patient. Never: judges a fact, drops a
message silently, or commits an offset before the database has what it brought.
"""
