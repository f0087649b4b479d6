"""FHIR that leaves: `study` (a protocol as ResearchStudy with its criteria), `candidates` (who is being screened),
`changes` (what the events of screening carry).

Built with fhir.resources in R4B, whose types here equal R4's (EvidenceVariable is R4B's own). Patients appear by
pseudonym only. Decides nothing: it says in FHIR what was decided.
"""
