"""Tumour response by mRECIST, RECIST 1.1 and iRECIST: which lesions are measurable, the course from a start.

Reading order: criteria, lesions, reader, schedule, followed, joined, readings, local_treatment, targets, non_targets,
new_lesions, overall, visit, best, course, immune. Knows no trial: starts, windows and durations are given.
"""

from shared.rules.mrecist.course import derive
from shared.rules.mrecist.criteria import BY_NAME, IRECIST, MRECIST, RECIST11, Criteria
from shared.rules.mrecist.lesions import measurable, organ_of
from shared.rules.mrecist.model import Baseline, BestResponse, Course, Visit

__all__ = [
    "BY_NAME",
    "IRECIST",
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
