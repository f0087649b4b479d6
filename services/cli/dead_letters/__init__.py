"""`graftwatch dead-letters` and `graftwatch sites`: what could not be read, and what is held for that.

Reading order: access (database, broker, reader of an installation), then the commands. Decides nothing: replay, drop and
resume are ingest's own.
"""
