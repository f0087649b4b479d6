"""Which accepted resources are judged for conformance, and what of a judgement is told."""

from __future__ import annotations

import msgspec

from services.ingest.batch import Delivered
from services.ingest.judge import Judged, judged
from services.ingest.messages import FeedMessage
from services.ingest.sampling import ODD_PER_SECOND, ONE_IN, Mode, Sampler
from shared.fhir.reading import Accepted, OutOfScope, RecordIdentity, VersionOrder
from tests.support.feed import STARTED
from tests.support.records import accept, as_json, lab

MESSAGE = FeedMessage("e", "t", 0, 0, None, b"", {}, STARTED)
PLAIN, ODD = accept(lab()), accept(lab(banana="1"))


def _chosen(sampler: Sampler, n: int, of: Accepted = PLAIN, at: float = 0.0) -> int:
    records = (msgspec.structs.replace(of.record, id=f"r{i}") for i in range(n))
    readings = (msgspec.structs.replace(of, record=record) for record in records)
    return sum(sampler.chooses(Delivered(MESSAGE, 0, "north", r), at) for r in readings)


def _seen(mode: Mode = "sample") -> Sampler:
    """A sampler that knows both shapes."""
    sampler = Sampler(mode)
    _chosen(sampler, 1), _chosen(sampler, 1, ODD)
    return sampler


def test_the_first_of_each_shape_is_judged() -> None:
    """Another set of elements, or the same at another site, is another shape."""
    sampler = Sampler("sample")
    unlucky = msgspec.structs.replace(PLAIN, record=RecordIdentity("north", "Observation", "not drawn"))
    elsewhere = msgspec.structs.replace(unlucky, record=RecordIdentity("south", "Observation", "not drawn"))
    chosen = [sampler.chooses(Delivered(MESSAGE, 0, "", r), 0) for r in (unlucky, unlucky, elsewhere, elsewhere)]
    assert chosen == [True, False, True, False]


def test_one_record_in_twenty_is_judged_and_always_the_same_ones() -> None:
    """Of many, about that share; another process draws the same."""
    first, second = _chosen(_seen(), 10_000), _chosen(_seen(), 10_000)
    assert first == second
    assert 0.8 * 10_000 / ONE_IN < first < 1.2 * 10_000 / ONE_IN


def test_odd_resources_are_judged_up_to_so_many_a_second() -> None:
    """Each second anew; the records drawn anyway come on top."""
    sampler = _seen()
    drawn = _chosen(_seen(), 1000)
    assert _chosen(sampler, 1000, ODD, 7.1) == ODD_PER_SECOND + drawn
    assert _chosen(sampler, 1000, ODD, 7.9) == drawn
    assert _chosen(sampler, 1000, ODD, 8.0) == ODD_PER_SECOND + drawn


def test_all_and_off_mean_what_they_say() -> None:
    """Every accepted resource, or none; what is out of scope is never judged."""
    assert (_chosen(_seen("all"), 100), _chosen(_seen("off"), 100, ODD)) == (100, 0)
    outside = OutOfScope(RecordIdentity("north", "Flag", "f"), VersionOrder())
    assert not Sampler("all").chooses(Delivered(MESSAGE, 0, "north", outside), 0)


def test_a_judgement_tells_the_profile_and_each_fault_once_without_values() -> None:
    """Indices are left out, so that faults can be counted; a profile that is no URI is not told."""
    meta = {"profile": ["http://example.org/StructureDefinition/lab"]}
    component = {"code": {"text": "a"}, "banana": 1}
    found = judged("R4", as_json(lab(meta=meta, component=[component, component])))
    assert found == Judged(
        "http://example.org/StructureDefinition/lab", [("Observation.component.banana", "extra_forbidden")]
    )
    assert judged("R4", as_json(lab(meta={"profile": ["Jane Doe"]}))).profile == ""
    assert judged("R4", as_json(lab())).issues == []
