"""How fast ingest is, beside the floor (consume, parse, insert) and a plain loop of fhir.resources.

Reading order: `hospital` (the feeds), `variants` (what is measured, each in a process of its own), `measuring`, `__main__`
(the benchmark), `long` (a million resources: is memory flat?).
"""
