"""Tumour response by mRECIST and RECIST 1.1: which lesions are measurable, the course from a start.

Reading order: criteria, lesions, schedule, followed, readings, targets, non_targets, new_lesions, overall,
visit, best, course. Knows no trial: starts, windows and durations are given.
"""

from shared.rules.mrecist.course import derive
from shared.rules.mrecist.criteria import BY_NAME, MRECIST, RECIST11, Criteria
from shared.rules.mrecist.lesions import measurable, organ_of
from shared.rules.mrecist.model import Baseline, BestResponse, Course, Visit

__all__ = [
    "BY_NAME",
    "MRECIST",
    "RECIST11",
    "Baseline",
    "BestResponse",
    "Course",
    "Criteria",
    "Visit",
    "derive",
    "measurable",
    "organ_of",
]
