"""The trial's figures, its report and its tables, of a small trial (`trial`)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from xml.etree import ElementTree as Xml

import msgspec
import pytest

from services.cli.response.derive import course
from services.cli.response.export import Standard, tables
from services.cli.response.page import page
from services.cli.response.plots import spider, survival, swimmer, waterfall
from services.response.contribution import Contribution, contribution, of_contribution, read_back
from services.response.figures import Figures, begin, figures
from services.response.treated import Treated
from shared.rules.mrecist import MRECIST
from shared.sdtm import table, tumours
from shared.sdtm.dataset import Dataset, to_csv, to_dataset_json
from tests.spec.response import lesion_cases
from tests.spec.response.courses import scans
from tests.spec.response.lesion_cases import READ_TWICE
from tests.spec.response.treated import SHIPPED
from tests.unit.response.trial import AT, CUT_OFF, patient, trial

CREATED = datetime(2025, 2, 1, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def contributed(patients: list[Treated] | None = None) -> list[Contribution]:
    """What the patients of the small trial contribute."""
    return [contribution(p) for p in (trial() if patients is None else patients)]


def of(patients: list[Treated] | None = None) -> Figures:
    """The figures of the small trial."""
    return figures(contributed(patients))


def kept_of(stored: Iterable[str]) -> dict[str, Any]:
    """What is kept live of a trial of whom these outcomes are."""
    tally = begin()
    tally.read(stored)
    return tally.of_trial(SHIPPED)


def exported(standard: Standard, patients: list[Treated] | None = None) -> dict[str, Dataset]:
    """The tables of the small trial by name."""
    return {d.name: d for d in tables(standard, patients or trial(), SHIPPED, AT)}


def test_everyone_treated_is_counted() -> None:
    """2 of 4 responded, 1 of them confirmed; the one who died before any visit is in the denominator."""
    (orr, dcr) = of().rates

    assert (orr.unconfirmed.count, orr.confirmed.count, orr.unconfirmed.of) == (2, 1, 4)
    assert (dcr.unconfirmed.count, dcr.confirmed.count) == (2, 2)


def test_events_and_patients_of_each_time() -> None:
    """Deaths end survival, progressions and deaths progression-free survival, progressions time to progression."""
    found = {d.endpoint: (d.curve.patients, d.curve.events) for d in of().durations}

    assert found == {"OS": (4, 1), "PFS": (4, 3), "TTP": (4, 2), "DOR": (2, 1), "CDOR": (1, 0)}


def test_best_responses_are_counted() -> None:
    """Unconfirmed and confirmed, from best to worst."""
    found = of()

    assert (found.best, found.best_confirmed) == ({"PR": 2, "PD": 1, "NE": 1}, {"PR": 1, "SD": 1, "PD": 1, "NE": 1})


def test_the_best_change_ends_at_the_first_progression() -> None:
    """What follows it is not shown as an effect of the treatment."""
    assert contribution(patient(1, *scans("50", "40", "60", "20"))).best_change_percent == -20
    assert contribution(patient(1)).best_change_percent is None


@pytest.mark.parametrize("patients", [trial(), []], ids=["four patients", "nobody"])
def test_the_plots_are_well_formed_and_say_what_they_are(patients: list[Treated]) -> None:
    """Each can be parsed, has a spoken title, and no coordinate that is no number; of nobody too."""
    shown = contributed(patients)
    plots = [
        waterfall(shown, MRECIST),
        spider(shown, MRECIST),
        swimmer(shown),
        *map(survival, figures(shown).durations),
    ]

    for plot in plots:
        drawn = Xml.fromstring(plot)
        assert (drawn.get("role"), drawn.findtext(f"{SVG}title") is not None) == ("img", True)
        assert drawn.findtext(f"{SVG}desc") is not None
        assert "nan" not in plot.lower()
    bars = Xml.fromstring(plots[0]).findall(f".//{SVG}rect/{SVG}title")
    assert len([b for b in bars if "best response" in (b.text or "")]) == (3 if patients else 0)


def test_the_report_is_one_page_that_needs_nothing_else() -> None:
    """Figures with their intervals, every patient, no link to anything outside."""
    patients = trial()
    shown = page(SHIPPED, date.fromisoformat(CUT_OFF), of(patients), patients, "<p>harm</p>")

    assert "<p>harm</p>" in shown
    assert "2 of 4: 50.0 % (6.8&ndash;93.2)" in shown
    assert "1 of 4: 25.0 % (0.6&ndash;80.6)" in shown
    assert all(f"<code>{str(p.known.patient)[:8]}</code>" in shown for p in patients)
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")
    assert "src=" not in shown


def test_exported_tables_give_the_same_responses_when_read_again() -> None:
    """TU and TR, read as any statistician's, derive to the RS that was exported beside them."""
    made = exported(Standard.SDTM)
    tu = table.parse("tu.csv", to_csv(made["TU"]), tumours.TU_COLUMNS)
    tr = table.parse("tr.csv", to_csv(made["TR"]), tumours.TR_COLUMNS)
    found = tumours.read(tu, tr)
    again = {
        (r.subject, v.on.isoformat()): v.response
        for r in found.readings
        for v in course(r, SHIPPED.response, MRECIST).visits
    }

    assert not found.faults
    assert again == {
        (row["USUBJID"], row["RSDTC"]): row["RSSTRESC"] for row in made["RS"].rows if row["RSTESTCD"] == "OVRLRESP"
    }


def test_a_time_to_event_is_traced_to_the_response_that_ended_it() -> None:
    """SRCDOM and SRCSEQ name the row of RS, whose date is the analysis date; a death names its record."""
    rs = {(r["USUBJID"], r["RSSEQ"]): r for r in exported(Standard.SDTM)["RS"].rows}
    times = exported(Standard.ADAM)["ADTTE"].rows

    traced = [t for t in times if t.get("SRCDOM") == "RS"]
    assert traced
    for time in traced:
        source = rs[time["USUBJID"], time["SRCSEQ"]]
        assert (source["RSTESTCD"], source["RSDTC"]) == ("OVRLRESP", time["ADT"])
    (death,) = [t for t in times if t["EVNTDESC"] == "DEATH" and t["PARAMCD"] == "OS"]
    assert (death["SRCDOM"], death["CNSR"], str(death["SRCREF"]).partition("/")[0]) == ("DM", 0, "Patient")


def test_a_censored_time_says_what_its_date_is_the_date_of() -> None:
    """EVNTDESC gives the reason, CNSDTDSC the date's meaning, CNSR 1."""
    first = str(trial()[0].known.patient)
    (pfs,) = [t for t in exported(Standard.ADAM)["ADTTE"].rows if t["PARAMCD"] == "PFS" and t["USUBJID"] == first]

    assert (pfs["CNSR"], pfs["CNSDTDSC"], pfs["AVAL"]) == (1, "LAST ADEQUATE ASSESSMENT", 169)
    assert pfs["EVNTDESC"] == "NO EVENT SO FAR: CENSORED AT THE LAST ADEQUATE ASSESSMENT."


def test_responses_after_progression_are_not_flagged_for_analysis() -> None:
    """They stay in the table."""
    rows = exported(Standard.ADAM, [patient(1, *scans("50", "50", "80", "20"))])["ADRS"].rows

    assert [(r["AVALC"], r.get("ANL01FL")) for r in rows if r["PARAMCD"] == "OVRLRESP"] == [
        ("SD", "Y"),
        ("PD", "Y"),
        ("PR", None),
    ]


@pytest.mark.parametrize("standard", list(Standard))
def test_every_table_is_the_same_as_csv_and_as_dataset_json(standard: Standard) -> None:
    """Columns, order and values agree; the metadata that Dataset-JSON 1.1 requires is there."""
    for dataset in exported(standard).values():
        written = json.loads(to_dataset_json(dataset, "NCT04564313", CREATED))
        read = list(csv.reader(io.StringIO(to_csv(dataset))))

        assert [c["name"] for c in written["columns"]] == read[0]
        assert [["" if v is None else str(v) for v in row] for row in written["rows"]] == read[1:]
        assert written["records"] == len(dataset.rows) > 0
        assert written["datasetJSONVersion"] == "1.1.0"
        assert written["datasetJSONCreationDateTime"] == "2025-02-01T00:00:00Z"
        assert all({"itemOID", "name", "label", "dataType"} <= c.keys() for c in written["columns"])
        assert all(len(c["label"]) <= 40 for c in written["columns"])
        assert {c for row in dataset.rows for c in row} <= {c.name for c in dataset.columns}


def test_the_contribution_of_a_patient_is_read_back_as_it_was() -> None:
    """What is stored of a patient gives the same figures as the patient."""
    stored = [msgspec.json.encode(of_contribution(p).content).decode() for p in trial()]

    assert [read_back(c) for c in stored] == contributed()
    assert kept_of(stored)["figures"] == msgspec.to_builtins(of())


def test_the_order_and_the_parts_in_which_patients_are_counted_are_no_matter() -> None:
    """Backwards, or one after the other, gives the same figures."""
    stored = [msgspec.json.encode(of_contribution(p).content).decode() for p in trial()]

    assert kept_of(reversed(stored)) == kept_of(stored)
    one_by_one = begin()
    for content in stored:
        one_by_one.read([content])
    assert one_by_one.of_trial(SHIPPED) == kept_of(stored)


def test_stable_disease_is_controlled_and_no_response() -> None:
    """The two rates are counted apart; a response that is not confirmed is controlled all the same."""
    stable, responder = (contribution(patient(1, *scans(*sizes))) for sizes in (("50", "50"), ("50", "30", "48")))

    assert (stable.responded, stable.controlled, stable.controlled_confirmed) == (False, True, True)
    assert (responder.responded, responder.responded_confirmed, responder.controlled_confirmed) == (True, False, True)


def test_median_follow_up_counts_deaths_as_censored() -> None:
    """By the reverse Kaplan-Meier method: three patients observed to the same week, one who died before."""
    found = of().follow_up_months

    assert found.value == pytest.approx(max(p.times["OS"].days for p in contributed()) / 30.4375, abs=2)


def test_each_reader_has_rows_of_his_own_in_the_tables() -> None:
    """The accepted reader's first and flagged; ADaM is traced to these, not to another reader's."""
    read_twice = patient(1, *READ_TWICE)
    made = exported(Standard.SDTM, [read_twice])
    overall = [r for r in made["RS"].rows if r["RSTESTCD"] == "OVRLRESP"]

    assert [(r["RSEVALID"], r["RSSTRESC"], r.get("RSACPTFL")) for r in overall] == [
        ("READER 2", "SD", "Y"),
        ("READER 1", "PR", None),
    ]
    assert {(r["TREVALID"], r["TRACPTFL"]) for r in made["TR"].rows} == {("READER 1", None), ("READER 2", "Y")}
    (visit,) = [r for r in exported(Standard.ADAM, [read_twice])["ADRS"].rows if r["PARAMCD"] == "OVRLRESP"]
    assert (visit["AVALC"], visit["SRCSEQ"]) == ("SD", overall[0]["RSSEQ"])


def test_merged_and_split_lesions_come_back_from_the_tables() -> None:
    """TUMERGE and TUSPLIT carry the links: the tables read again give the same responses and sums."""
    for case in (lesion_cases.MERGED[0], lesion_cases.SPLIT[0]):
        made = exported(Standard.SDTM, [patient(1, *case.facts)])
        tu = table.parse("tu.csv", to_csv(made["TU"]), tumours.TU_COLUMNS)
        tr = table.parse("tr.csv", to_csv(made["TR"]), tumours.TR_COLUMNS)
        found = tumours.read(tu, tr)
        (again,) = [course(r, SHIPPED.response, MRECIST) for r in found.readings]

        assert not found.faults
        assert tuple(v.response for v in again.visits) == case.responses
        assert tuple(str(v.sum_mm) for v in again.visits) == case.sums
