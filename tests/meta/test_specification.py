"""The specification covers the protocol: no criterion without an example of each plain verdict."""

from __future__ import annotations

from collections import defaultdict

from shared.outcomes import Verdict
from shared.protocol import load as protocol_files
from shared.protocol.criteria import with_nested
from tests.spec.eligibility.test_criteria import CASES


def test_every_criterion_of_every_protocol_has_a_met_a_not_met_and_an_unknown_case() -> None:
    """Groups and what they are made of alike; and no case speaks of a criterion that there is not."""
    covered: dict[str, set[Verdict]] = defaultdict(set)
    for case in CASES:
        covered[case.criterion].add(case.verdict)
    criteria = {
        c.id
        for protocol in protocol_files.load().values()
        for c in with_nested((*protocol.screening.inclusion, *protocol.screening.exclusion))
    }
    plain = {Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN}
    assert {c: sorted(plain - covered[c]) for c in sorted(criteria) if plain - covered[c]} == {}
    assert set(covered) <= criteria
