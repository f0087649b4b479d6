"""What does not conform to FHIR, in FHIR's own words: one OperationOutcome. Decides nothing; holds no value of any record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fhir.resources.R4B.operationoutcome import OperationOutcome

from shared.conformance import Fault, Summary

_TYPES: Final = {"missing": "required", "extra_forbidden": "structure"}
"""Kinds of fault that IssueType (hl7.org/fhir/R4/valueset-issue-type.html) has a code for; any other is a wrong value."""


def operation_outcome(summaries: Sequence[Summary], faults: Sequence[Fault]) -> OperationOutcome:
    """Per site and profile what does not conform and how often; a warning each, since nothing is refused for it.

    What was judged and found sound is stated too, as an OperationOutcome must say something.
    """
    judged = {(s.site, s.resource_type, s.profile): s for s in summaries}
    issues = [_fault(f, judged[f.site, f.resource_type, f.profile]) for f in faults]
    issues += [_summary(s) for s in summaries]
    nothing = {"severity": "information", "code": "informational", "diagnostics": "nothing was judged yet"}
    return OperationOutcome.model_validate({"issue": issues or [nothing]})


def _fault(fault: Fault, of: Summary) -> dict[str, Any]:
    issue = {
        "severity": "warning",
        "code": _TYPES.get(fault.issue, "value"),
        "details": {"text": fault.issue},
        "diagnostics": f"{_where(of)}: {fault.resources} of {of.judged} judged",
    }
    # An element whose name is not repeated has no FHIRPath.
    return issue if "?" in fault.path else issue | {"expression": [fault.path]}


def _summary(of: Summary) -> dict[str, Any]:
    counts = f"{of.judged - of.not_conformant} of {of.judged} judged conform, {of.unjudged} were not judged"
    return {"severity": "information", "code": "informational", "diagnostics": f"{_where(of)}: {counts}"}


def _where(of: Summary) -> str:
    return f"site {of.site}, {of.resource_type}" + (f", profile {of.profile}" if of.profile else "")
