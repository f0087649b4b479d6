"""Decides what two hospitals send about a made-up cohort, and what Graftwatch must then say of each patient.

It evaluates nothing: every expectation is written beside the scenario that it belongs to. Reading order:
`model` (what comes out), `entries` (what a chart may state), `candidate` (a patient who meets everything),
`scenarios/`, `hospitals` and `writers/` (how a site writes it as FHIR), `faults` (what cannot be read),
`delivery` (messages), `cohort` (all of it).
"""

from services.cli.simulate.cohort import simulate
from services.cli.simulate.model import ExpectedFeed, ExpectedPatient, FeedMessage, Simulation

__all__ = ["ExpectedFeed", "ExpectedPatient", "FeedMessage", "Simulation", "simulate"]
