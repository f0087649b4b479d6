"""Specification of bounds and units: each number of the protocol from both sides, each unit that laboratories report in."""

from __future__ import annotations

from typing import Final

from shared.facts import AnyFact
from shared.outcomes import Verdict
from tests.spec.eligibility.specification import Case
from tests.support.build import attestation, drug, finding, lab, response_statement

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT


def _unit(criterion: str, concept: str, unit: str, at: str, below: str) -> tuple[Case, Case]:
    """The bound in a unit that is converted, and just below it."""
    shown = f"{concept} {unit}"
    return (
        Case(criterion, f"{at} {unit} is at the bound", (lab(concept, at, unit),), MET, unit=shown),
        Case(criterion, f"{below} {unit} is below it", (lab(concept, below, unit),), NOT_MET, unit=shown),
    )


def _scored(concept: str, unit: str, within: str, beyond: str) -> tuple[Case, Case]:
    """One component of Child-Pugh on both sides of a bound, beside others that leave no room: 7 points, then 8."""
    others = [lab(c, v) for c, v in (("bilirubin-total", "1"), ("albumin", "4"), ("inr", "1.1")) if c != concept]
    found = (*others, finding("ascites", "moderate-severe"), finding("encephalopathy", "none"))
    shown = f"{concept} {unit}"
    return (
        Case("I9", f"{concept} {within} {unit} is 1 point", (*found, lab(concept, within, unit)), MET, unit=shown),
        Case("I9", f"{concept} {beyond} {unit} is 2 points", (*found, lab(concept, beyond, unit)), NOT_MET, unit=shown),
    )


UNITS: Final = (
    *_unit("I11a", "neutrophils", "10*9/L", "1.5", "1.49"),
    *_unit("I11a", "neutrophils", "10*3/uL", "1.5", "1.49"),
    *_unit("I11a", "neutrophils", "/uL", "1500", "1490"),
    *_unit("I11b", "platelets", "10*9/L", "50", "49.9"),
    *_unit("I11b", "platelets", "10*3/uL", "50", "49.9"),
    *_unit("I11b", "platelets", "/uL", "50000", "49900"),
    *_unit("I11c", "haemoglobin", "g/dL", "9", "8.99"),
    *_unit("I11c", "haemoglobin", "g/L", "90", "89.9"),
    *_unit("I11c", "haemoglobin", "mmol/L", "5.59", "5.58"),
    *_unit("I11d", "albumin", "g/dL", "2.8", "2.79"),
    *_unit("I11d", "albumin", "g/L", "28", "27.9"),
    *(
        case
        for unit, factor in (("m[IU]/L", 1), ("u[IU]/mL", 1), ("[IU]/L", 1000))
        for case in (
            Case("I11e", f"at the limit in {unit}", (lab("tsh", f"{4 / factor:g}", unit, high=f"{4 / factor:g}"),), MET,
                 unit=f"tsh {unit}"),
            Case("I11e", f"above the limit in {unit}",
                 (lab("tsh", f"{4.04 / factor:g}", unit, high=f"{4 / factor:g}"),), UNKNOWN, unit=f"tsh {unit}"),
        )
    ),
    *_scored("bilirubin-total", "mg/dL", "1.99", "2"),
    *_scored("bilirubin-total", "umol/L", "34.2", "34.3"),
    *_scored("albumin", "g/dL", "3.51", "3.5"),
    *_scored("albumin", "g/L", "35.1", "35"),
    *_scored("inr", "1", "1.69", "1.7"),
)  # fmt: skip


def _component(laboratory_on: str, findings_on: str) -> tuple[AnyFact, ...]:
    """7 points, drawn and found on these days."""
    drawn = (("bilirubin-total", "3"), ("albumin", "3.5"), ("inr", "1.1"))
    labs = tuple(lab(concept, value, on=laboratory_on) for concept, value in drawn)
    return (*labs, *(finding(name, "none", on=findings_on) for name in ("ascites", "encephalopathy")))


WINDOWS: Final = (
    Case("I9", "laboratory values of 14 days ago", _component("2024-04-21", "2024-05-03"), MET,
         until="2024-05-06T00:00:00+00:00"),
    Case("I9", "laboratory values of 15 days ago", _component("2024-04-20", "2024-05-03"), UNKNOWN,
         missing="INR within 14 days"),
    Case("I9", "findings of 14 days ago", _component("2024-05-03", "2024-04-21"), MET,
         until="2024-05-06T00:00:00+00:00"),
    Case("I9", "findings of 15 days ago", _component("2024-05-03", "2024-04-20"), UNKNOWN,
         missing="ascites within 14 days"),
    Case("I11e", "TSH of 14 days ago", (lab("tsh", "2", high="4.2", on="2024-04-21"),), MET,
         until="2024-05-06T00:00:00+00:00"),
)  # fmt: skip

_SORAFENIB: Final = drug("sorafenib", on="2024-01-10")

GROUPS: Final = (
    Case("I5", "two readings of one day, of a drug that is tolerated",
         (_SORAFENIB, response_statement("PD"), response_statement("SD", reader="reader-2"),
          attestation("targeted-therapy-intolerance", False)),
         CONFLICT, missing="one assessment"),
    Case("I5", "the same, of a drug that is not tolerated",
         (_SORAFENIB, response_statement("PD"), response_statement("SD", reader="reader-2"),
          attestation("targeted-therapy-intolerance")),
         MET),
    Case("I5", "an intolerance attested until yesterday",
         (attestation("targeted-therapy-intolerance", expires="2024-05-04"),), UNKNOWN, missing="renewed attestation"),
)  # fmt: skip

CASES: Final = (*UNITS, *WINDOWS, *GROUPS)
