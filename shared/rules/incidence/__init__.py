"""Figures of harm from many patients: cumulative incidence, rates by exposure, the stopping boundary.

Decides arithmetic; knows no protocol, no patient and no event.
"""
