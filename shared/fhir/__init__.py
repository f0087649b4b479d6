"""FHIR in: a delivered message becomes readings; each says what became of one resource, and its facts.

Reading order: `reading` (what can become of a resource), `scope`, `keys`, `elements` (what is read),
`meaning` (codes to concepts, one site), `record` (a resource being read), a module per family of types,
`oddities`, `resource` (one resource), `message` (one message or Bundle), `conformance`.
"""
