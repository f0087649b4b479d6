"""What leaves: AdverseEvent in R4 and R5, DetectedIssue, E2B(R3) elements, SDTM AE and LB, the trial's figures."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.cli.safety.export import files
from services.safety.evaluate import evaluate
from services.safety.figures import figures
from services.safety.icsr import CRITERIA, case_file
from services.safety.treated import Treated, treated
from shared.facts import AnyFact
from shared.fhir.out import safety as fhir
from shared.outcomes import Outcome
from shared.timeline import Timeline, offline
from tests.spec.safety.trial import PROTOCOL, evaluated, find, first_dose, liver, normal_baseline
from tests.support import build

AT = build.at("2024-06-01")
STAY = build.stay(on="2024-05-03", until="2024-05-08", key="stay-1")
SEVERE = (normal_baseline(), liver("alt", "412", "2024-05-03"))


def outcome(kind: str, subject: str, *facts: AnyFact) -> Outcome:
    """One outcome of a treated patient."""
    found = find(evaluated(first_dose(), *facts), kind, subject)
    assert found is not None
    return found


def _dumped(resource: Any) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.json.decode(resource.model_dump_json(exclude_none=True))
    return built


def test_an_adverse_event_is_serious_if_and_only_if_it_has_a_criterion() -> None:
    """The invariant of the HL7 guide, in R4 and R5; hospitalisation is NCIt C83052."""
    case = outcome("adverse-event", "stay/stay-1", STAY)
    for build_, guide in ((fhir.adverse_event_r4, fhir.R4_GUIDE), (fhir.adverse_event_r5, fhir.R5_GUIDE)):
        dumped = _dumped(build_(build.PATIENT, case, PROTOCOL))
        assert dumped["seriousness"]["coding"][0]["code"] == "serious"
        (criterion,) = dumped["extension"]
        assert criterion["url"] == f"{guide}/seriousness-criteria"
        assert criterion["valueCodeableConcept"]["coding"][0]["code"] == "C83052"
        assert dumped["subject"] == {"reference": f"Patient/{build.PATIENT}"}


def test_both_opinions_leave_and_an_absent_one_does_not() -> None:
    """Without an opinion no causality is stated."""
    case = outcome("adverse-event", "stay/stay-1", STAY)
    said = [
        build.attestation(code, value, on="2024-05-10", focus=case.content["case_id"])
        for code, value in (("sae-related-investigator", True), ("sae-related-sponsor", False))
    ]
    judged = outcome("adverse-event", "stay/stay-1", STAY, *said)
    plain, both = (_dumped(fhir.adverse_event_r5(build.PATIENT, c, PROTOCOL)) for c in (case, judged))
    assert ["causality" in s for s in plain["suspectEntity"]] == [False]
    codes = [s["causality"]["entityRelatedness"]["coding"][0]["code"] for s in both["suspectEntity"]]
    assert codes == ["C53260", "C53256"]


def test_a_suspicion_is_a_preliminary_detected_issue() -> None:
    """With its evidence, the advice, and never as a final finding."""
    dumped = _dumped(fhir.detected_issue(build.PATIENT, outcome("rejection", "", *SEVERE)))
    assert (dumped["status"], dumped["severity"], dumped["identifiedDateTime"]) == ("preliminary", "high", "2024-05-03")
    assert "biopsy of the graft" in [m["action"]["text"] for m in dumped["mitigation"]]


def test_the_case_file_has_the_elements_of_e2b() -> None:
    """A death: fatal outcome, the criterion of death and no other, and nothing that names the patient."""
    case = outcome("adverse-event", "death", build.died("2024-05-03"))
    elements = case_file(case, _treated(build.died("2024-05-03")), AT)["elements"]
    assert [e for e in CRITERIA.values() if elements[e]] == ["E.i.3.2a"]
    assert (elements["E.i.7"], elements["E.i.4"], elements["C.1.3"]) == ("5", "2024-05-03", "2")
    assert elements["G.k.4.r.4"] == "2024-04-14"


def _treated(*facts: AnyFact) -> Treated:
    patient = treated(build.timeline(first_dose(), *facts), PROTOCOL, AT)
    assert patient is not None
    return patient


def _files(*facts: AnyFact) -> dict[str, bytes]:
    patient = _treated(*facts)
    return dict(files([(patient, evaluate(patient.timeline, PROTOCOL, AT).outcomes)], PROTOCOL, AT))


def test_the_export_is_one_file_of_each_kind_and_one_for_each_case() -> None:
    """The tables hold the stay, and the liver tests with baseline flag and grade."""
    written = _files(STAY, *SEVERE)
    case = outcome("adverse-event", "stay/stay-1", STAY).content["case_id"]
    assert f"cases/{case}.json" in written
    (ae,) = csv.DictReader(io.StringIO(written["ae.csv"].decode()))
    assert (ae["AETERM"], ae["AESHOSP"], ae["AESDTH"], ae["AESTDY"]) == ("inpatient stay", "Y", "N", "20")
    lb = list(csv.DictReader(io.StringIO(written["lb.csv"].decode())))
    assert [(r["LBTESTCD"], r["LBBLFL"], r["LBTOXGR"], r["LBDY"]) for r in lb] == [
        ("ALT", "Y", "", "-4"),
        ("ALT", "", "3", "20"),
    ]
    assert written["DetectedIssue.ndjson"].count(b"\n") == 1


def test_a_refuted_case_does_not_leave() -> None:
    """Nor does a part of another case, which leaves with that one."""
    case = outcome("adverse-event", "stay/stay-1", STAY).content["case_id"]
    written = _files(STAY, build.attestation("sae-refuted", on="2024-05-10", focus=case))
    assert written["AdverseEvent.R4.ndjson"] == b""


def _patient(n: int, *facts: AnyFact) -> Timeline:
    return offline(UUID(int=n), [first_dose(), *facts], build.RECORDED_AT)


def test_the_figures_count_patients_once_and_death_competes() -> None:
    """Of 4 treated one is hospitalised twice, one rejects and one dies first; the untreated one does not count."""
    rejected = build.diagnosis("liver-transplant-rejection", on="2024-05-04")
    again = build.stay(on="2024-05-20", until="2024-05-22", key="stay-2")
    untreated = offline(UUID(int=9), [STAY], build.RECORDED_AT)
    cohort = [_patient(1, STAY, again), _patient(2, rejected), _patient(3, build.died("2024-04-24")), _patient(4)]
    found = figures([*cohort, untreated], PROTOCOL, AT)
    assert (found.treated, found.rejections, found.deaths) == (4, 1, 1)
    assert (found.sae.patients, found.sae.percent) == (3, 75.0)
    # Death on day 10 with 4 at risk, then rejection on day 20 with 3: 3/4 x 1/3.
    assert [(p.days, p.percent) for p in found.rejection_incidence] == [(10, 0.0), (20, 25.0)]
    assert found.sae.rate.patient_years == pytest.approx((19 + 20 + 10 + 48) / 365.25, abs=1e-3)


def test_an_unrelated_case_counts_among_all_causes_only() -> None:
    """The endpoint is caused by the treatment; unassessed counts as caused by it."""
    case = outcome("adverse-event", "stay/stay-1", STAY).content["case_id"]
    denied = build.attestation("sae-related-investigator", False, on="2024-05-10", focus=case)
    found = figures([build.timeline(first_dose(), STAY, denied)], PROTOCOL, AT)
    assert (found.sae.patients, found.sae_all_causes.patients) == (0, 1)


def test_figures_of_nobody_are_empty_not_wrong() -> None:
    """No patient, no percentage, no boundary."""
    found = figures([], PROTOCOL, AT)
    assert (found.sae.percent, found.rejection_incidence, found.stopping.stop_from) == (None, (), None)
