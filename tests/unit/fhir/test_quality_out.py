"""What does not conform, as a FHIR OperationOutcome."""

from __future__ import annotations

from shared.conformance import Fault, Summary
from shared.fhir.out.quality import operation_outcome

PROFILE = "http://example.org/StructureDefinition/lab"
SUMMARIES = [Summary("north", "Observation", PROFILE, 10, 3, 90), Summary("south", "Condition", "", 4, 0, 0)]
FAULTS = [
    Fault("north", "Observation", PROFILE, "Observation.banana", "extra_forbidden", 2),
    Fault("north", "Observation", PROFILE, "Observation.?", "value_error", 1),
]


def test_faults_are_warnings_per_site_and_profile_with_their_share() -> None:
    """Each fault names its element and how many judged resources have it; an unnamed element has no expression."""
    found = operation_outcome(SUMMARIES, FAULTS).model_dump()["issue"]
    where = f"site north, Observation, profile {PROFILE}"
    assert found[0] == {
        "severity": "warning",
        "code": "structure",
        "details": {"text": "extra_forbidden"},
        "diagnostics": f"{where}: 2 of 10 judged",
        "expression": ["Observation.banana"],
    }
    assert (found[1]["code"], "expression" in found[1]) == ("value", False)
    assert [(i["severity"], i["diagnostics"]) for i in found[2:]] == [
        ("information", f"{where}: 7 of 10 judged conform, 90 were not judged"),
        ("information", "site south, Condition: 4 of 4 judged conform, 0 were not judged"),
    ]


def test_an_outcome_says_something_even_of_nothing() -> None:
    """FHIR asks for at least one issue."""
    (issue,) = operation_outcome([], []).model_dump()["issue"]
    assert (issue["severity"], issue["diagnostics"]) == ("information", "nothing was judged yet")
