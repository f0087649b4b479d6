"""`graftwatch load`: Bulk Data files onto the feed topics, in the lane that live messages overtake.

Reading order: source (files into messages), bookmark (where a load stopped), send (messages to the broker), commands.
Decides nothing about a record: what it says is decided by ingest, as of any other message.
"""
