"""Screening commands: `protocol`, `attrition`, `expiring`, `explain`, `fhir`, and `screen --cohort`.

Decides nothing: what is counted, explained or tried is decided by the rules of `services.eligibility`.
"""
