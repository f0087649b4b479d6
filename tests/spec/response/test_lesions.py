"""Merged and split lesions, too small ones, local treatment, several readers, misplaced records: by example."""

from __future__ import annotations

import pytest

from shared.facts import AnyFact, LesionMeasurement
from shared.wording import plain
from tests.spec.response.courses import BASELINE, VISITS, course, responses, scans, target
from tests.spec.response.lesion_cases import CASES, READ_TWICE, LesionCase
from tests.support import build


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.clause)
def test_lesion(case: LesionCase) -> None:
    """Responses, sums and the problem that is named."""
    found = course(*case.facts, criteria=case.criteria)
    named = {*found.problems, *(p for v in found.visits for p in v.problems)}

    assert tuple(responses(found)) == case.responses
    assert tuple(plain(v.sum_mm) if v.sum_mm is not None else None for v in found.visits) == case.sums
    assert not case.problem or case.problem in named


def test_a_problem_names_its_sources() -> None:
    """What is odd is traced to the records that show it, in the fixed form of a FHIR reference."""
    bad = target("-3", VISITS[0], key="bad")
    (doubt,) = course(*scans("50"), bad).visits[0].doubts

    assert str(doubt) == "a target lesion in the liver: viable diameter is not a possible size (Observation/bad)"


def test_the_procedure_is_evidence_of_what_cannot_be_evaluated() -> None:
    """And of the problem that says so."""
    ablation = build.procedure("tumour-ablation", on="2024-06-01", lesions=("target-1",), key="ablation")
    (visit,) = course(*scans("50", "20"), ablation).visits

    assert "Procedure/ablation" in {e.reference for e in visit.evidence}
    assert "Procedure/ablation" in visit.doubts[0].sources


def test_a_procedure_finds_its_lesion_by_the_body_structure_too() -> None:
    """Where the procedure names the BodyStructure and the measurement an identifier beside it."""
    facts: list[AnyFact] = [
        target(size, on, body_structure="structure-1") for size, on in (("50", BASELINE), ("20", VISITS[0]))
    ]
    ablation = build.procedure("tumour-ablation", on="2024-06-01", lesions=("structure-1",))

    assert responses(course(*facts, ablation)) == ["NE"]


@pytest.mark.parametrize(("reader", "expected"), [("reader-1", ["PR"]), ("reader-2", ["SD"]), ("nobody", [])])
def test_each_reader_has_a_derivation_of_his_own(reader: str, expected: list[str]) -> None:
    """Of his own records alone."""
    found = course(*READ_TWICE, reader=reader)

    assert (responses(found), found.reader) == (expected, reader)
    assert {r.reader for v in found.visits for x in v.readings for r in x.records} <= {reader}


def test_order_of_records_does_not_matter_for_what_is_joined() -> None:
    """Each case gives the same course whatever the order of arrival."""
    for case in CASES:
        assert course(*reversed(case.facts), criteria=case.criteria) == course(*case.facts, criteria=case.criteria)


def test_no_size_is_counted_twice() -> None:
    """The sum of a visit with merged lesions is at most the sum of the diameters recorded there."""
    for case in CASES:
        for visit in course(*case.facts, criteria=case.criteria).visits:
            records: set[LesionMeasurement] = {r for x in visit.readings for r in x.records}
            largest = [max((r.viable_mm or 0, r.longest_mm or 0, 5)) for r in records]
            assert visit.sum_mm is None or visit.sum_mm <= sum(largest)
