"""Intake: the feed for engines that speak FHIR's REST rather than Kafka.

Reads: resources and Bundles as they are posted. Decides: whose they are (the token), whether there is a resource at all (the
envelope), and on which topic it belongs. Writes: the feed topics, byte for byte. Never: answers 2xx before the broker has it,
reads what a resource says (ingest does), holds a database password or the key of the pseudonyms, logs an address or a body.
"""
