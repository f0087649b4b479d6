"""Decides the patients with toxicity, stays, deaths, and unusual courses of treatment."""

from __future__ import annotations

from typing import Final

from services.cli.simulate.candidate import dose, treated
from services.cli.simulate.entries import (
    Attestation,
    Lab,
    Person,
    Product,
    Stay,
)
from services.cli.simulate.scenarios.scenario import Response, Safety, Scenario
from services.cli.simulate.scenarios.watched import EARLIER, RECENT, WEEKS, watched

_GRADES: Final = (
    watched(
        "abnormal-baseline",
        "ALT 112 is 2.8 times its limit, but only 1.4 times the abnormal baseline: grade 0.",
        treated(
            first=EARLIER,
            labs={"alt": "80"},
            liver={day: {"alt": "112" if day == 28 else "80"} for day in WEEKS},
        ),
        Safety(),
    ),
    watched(
        "abnormal-baseline-grade-1",
        "ALT 160 is twice the abnormal baseline of 80: grade 1, where the limit alone would make it grade 2.",
        treated(
            first=RECENT,
            labs={"alt": "80"},
            liver={**{day: {"alt": "80"} for day in WEEKS}, 28: {"alt": "130"}, 35: {"alt": "160"}},
        ),
        Safety(rejection="watch", grades={"alt": 1}),
    ),
    watched(
        "not-gradable",
        "GGT comes without limits of normal, and the site states none: not gradable.",
        treated(
            *(
                Lab(key=f"ggt-day{day}", concept="ggt", value="45", day=RECENT + day, ranged=False)
                for day in (7, 14, 21, 28, 35)
            ),
            Lab(key="ggt", concept="ggt", value="45", day=RECENT - 4, ranged=False),
            Lab(key="ggt-past", concept="ggt", value="45", day=RECENT - 60, ranged=False),
            first=RECENT,
        ),
        Safety(grades={"ggt": None}),
        site="south",
    ),
    watched(
        "cholestasis-south",
        "ALP, GGT and bilirubin rise against the limits of the site's own table.",
        treated(
            first=RECENT,
            liver={35: {"alp": "250", "ggt": "200", "bilirubin-total": "1.9"}},
        ),
        Safety(rejection="watch", grades={"alp": 1, "ggt": 2, "bilirubin-total": 2}),
        site="south",
    ),
)

_OTHER_TERMS: Final = (
    watched(
        "potassium-grade-4",
        "Potassium 7.2 mmol/L without limits of normal: beyond an absolute bound, so grade 4, and a candidate.",
        treated(
            Lab(key="potassium", concept="potassium", value="7.2", day=RECENT + 20),
            Lab(key="potassium-later", concept="potassium", value="5.4", day=RECENT + 22),
            first=RECENT,
        ),
        Safety(grades={"potassium-increased": 4}, events={"grade-4": 1}),
    ),
    watched(
        "neutrophils-corrected",
        "Neutrophils of 0.40 × 10⁹/L were a slip: the corrected 4.0 withdraws the grade and the candidate.",
        treated(
            Lab(key="neutrophils-later", concept="neutrophils", value="0.40", day=RECENT + 20),
            Lab(
                key="neutrophils-later",
                concept="neutrophils",
                value="4.00",
                status="corrected",
                day=RECENT + 20,
                version=2,
                phase=2,
            ),
            first=RECENT,
        ),
        Safety(grades={"neutrophils": 0}),
    ),
)

_EVENTS: Final = (
    watched(
        "inpatient-stay",
        "An unplanned stay in hospital after the first dose.",
        treated(Stay(key="stay-acute", kind="IMP", day=-12, until=-8), first=EARLIER),
        Safety(events={"stay": 1}),
    ),
    watched(
        "inpatient-stay-lasting",
        "Admitted in the second phase and still there; the infusion before was on an ambulatory visit.",
        treated(
            Stay(key="stay-acute", kind="ACUTE", day=-3, phase=2),
            Stay(key="visit-infusion", kind="AMB", day=EARLIER, until=EARLIER),
            Stay(key="emergency", kind="EMER", day=-30, until=-30),
            first=EARLIER,
        ),
        Safety(events={"stay": 1}),
        site=None,
    ),
    watched(
        "planned-stay",
        "A planned stay for an infusion is no adverse event.",
        treated(
            Stay(key="stay-planned", kind="IMP", day=EARLIER + 28, until=EARLIER + 29, planned=True),
            first=EARLIER,
        ),
        Safety(),
        site=None,
    ),
    watched(
        "stay-before-treatment",
        "A stay that ended before the first dose is no adverse event.",
        treated(Stay(key="stay-before", kind="IMP", day=EARLIER - 20, until=EARLIER - 15), first=EARLIER),
        Safety(),
        site=None,
    ),
    Scenario(
        name="death-on-study",
        title="Dies under treatment; the death is reported in the second phase.",
        status=("on_treatment", "off_study", "off_study"),
        chart=treated(Person(day=EARLIER - 90, died_day=-4, version=2, phase=2), first=EARLIER, last=-20),
        response=Response(),
        safety=Safety(events={"death": 1}),
    ),
    Scenario(
        name="off-study-after-treatment",
        title="Left the study after some months of treatment.",
        status="off_study",
        chart=treated(Attestation(key="exit", code="off-study", day=-5), first=EARLIER, last=-20),
        response=Response(),
        safety=Safety(),
    ),
)

_COURSES: Final = (
    watched(
        "first-infusion-halted",
        "The first infusion was halted for a reaction after 50 mg: treatment has started all the same.",
        treated(dose(1, RECENT, mg="50", status="stopped"), first=RECENT, last=RECENT),
        Safety(),
        site=None,
    ),
    watched(
        "first-dose-after-not-done",
        "An infusion that was not done precedes the first dose by a week.",
        treated(dose(9, RECENT - 7, status="not-done"), first=RECENT, last=-10),
        Safety(),
        site=None,
    ),
    watched(
        "drug-by-text",
        "The drug on trial is named in words alone.",
        treated(first=RECENT, form="text"),
        Safety(),
        site="north",
    ),
    watched(
        "drug-by-reference",
        "The drug on trial is named by a Medication that arrives after all of its administrations.",
        treated(Product(key="product-camrelizumab", drug="camrelizumab"), first=RECENT, form="reference"),
        Safety(),
        site=None,
    ),
    watched(
        "drug-by-chinese-text",
        "The drug on trial is named in Chinese alone.",
        treated(first=RECENT),
        Safety(),
        site="south",
    ),
    watched(
        "criteria-frozen",
        "Was 65 with enough platelets at the first dose; 66 and at 30 × 10⁹/L since: the criteria stay met.",
        treated(
            Person(day=EARLIER - 90, age=66, days_past_birthday=40),
            Lab(key="platelets-later", concept="platelets", value="30", day=-6),
            first=EARLIER,
        ),
        Safety(grades={"platelets": 3}),
        site=None,
    ),
    watched(
        "enrolled-against-protocol",
        "Treated although platelets were 42 × 10⁹/L at the first dose, and recovered since.",
        treated(
            Lab(key="platelets-later", concept="platelets", value="90", day=-6),
            first=EARLIER,
            labs={"platelets": "42"},
        ),
        Safety(),
        answers={"I11b": "not met"},
        site=None,
    ),
)

SAFETY: Final = (*_GRADES, *_OTHER_TERMS, *_EVENTS, *_COURSES)
