"""The trial's endpoints of one patient: response, disease control, durations, progression-free and overall survival.

Reading order: model, follow_up, missed, disease, survival, response, patient; then estimates, which joins many patients.
Knows no trial: windows, the cut and what counts as a new therapy are given.
"""

from shared.rules.endpoints.follow_up import FollowUp, follow_up
from shared.rules.endpoints.model import Endpoints, ResponseStatus, TimeToEvent
from shared.rules.endpoints.patient import derive

__all__ = ["Endpoints", "FollowUp", "ResponseStatus", "TimeToEvent", "derive", "follow_up"]
