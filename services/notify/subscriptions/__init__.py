"""FHIR Subscriptions by topic, in R4 and R4B (R5 backport guide) and R5: what may be asked for, and what is sent.

Reading order: topics, model, asked (resource to model and back), matching (all pure); communication, bundles (what leaves);
store, numbering, channel, keeping (handshake and heartbeat), server.
"""
