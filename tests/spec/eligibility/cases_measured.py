"""Specification of what is measured: lesions (I8), Child-Pugh (I9), blood counts, albumin and TSH (I11a-e)."""

from __future__ import annotations

from typing import Final

from shared.facts import AnyFact
from shared.outcomes import Verdict
from tests.spec.eligibility.specification import Case
from tests.support.build import attestation, body_site, finding, lab, lesion

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT

LESIONS: Final = (
    Case("I8", "no lesion measured", (), UNKNOWN, missing="lesions measured on imaging within 28 days"),
    Case("I8", "10 mm viable in the liver is measurable", (lesion(viable="10"),), MET, says="viable 10 mm"),
    Case("I8", "9.9 mm viable is not", (lesion(viable="9.9", longest="9.9"),), NOT_MET),
    Case(
        "I8",
        "a liver lesion without its viable part",
        (lesion(longest="30"),),
        UNKNOWN,
        missing="viable diameter",
    ),
    Case("I8", "15 mm short axis of a node", (lesion(organ="node", short_axis="15"),), MET),
    Case("I8", "14 mm short axis of a node", (lesion(organ="node", short_axis="14"),), NOT_MET),
    Case("I8", "20 mm at the porta hepatis", (lesion(organ="node-porta-hepatis", short_axis="20"),), MET),
    Case("I8", "19 mm at the porta hepatis", (lesion(organ="node-porta-hepatis", short_axis="19"),), NOT_MET),
    Case("I8", "10 mm longest diameter in the lung", (lesion(organ="lung", longest="10"),), MET),
    Case(
        "I8",
        "the BodyStructure tells the organ",
        (lesion(organ=None, body_structure="b", longest="12"), body_site("b", "lung")),
        MET,
    ),
    Case(
        "I8",
        "one measurable lesion is enough",
        (lesion("a", organ="lung", longest="5"), lesion("b", organ="lung", longest="12")),
        MET,
    ),
    Case(
        "I8",
        "the newest measurement of a lesion decides",
        (
            lesion(organ="lung", longest="12", on="2024-04-20"),
            lesion(organ="lung", longest="5", on="2024-05-01"),
        ),
        NOT_MET,
    ),
    Case(
        "I8",
        "two readers of one day on both sides conflict",
        (
            lesion(organ="lung", longest="12", reader="reader-1"),
            lesion(organ="lung", longest="5", reader="reader-2"),
        ),
        CONFLICT,
    ),
    Case(
        "I8",
        "imaging of 28 days ago counts all that day",
        (lesion(viable="20", on="2024-04-07"),),
        MET,
        until="2024-05-06T00:00:00+00:00",
    ),
    Case("I8", "imaging of 29 days ago is too old", (lesion(viable="20", on="2024-04-06"),), UNKNOWN),
    Case("I8", "a lesion that is gone is not measurable", (lesion(state="absent"),), NOT_MET),
)


def _liver(**changed: str | None) -> tuple[AnyFact, ...]:
    """Five components of one point each, but for those changed; None: not recorded."""
    values: dict[str, str | None] = {
        "bilirubin-total": "1",
        "albumin": "4",
        "inr": "1.1",
        "ascites": "none",
        "encephalopathy": "none",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    labs = [lab(c, v) for c in ("bilirubin-total", "albumin", "inr") if (v := values[c]) is not None]
    ascites, encephalopathy = values["ascites"], values["encephalopathy"]
    found = [finding("ascites", ascites)] if ascites is not None else []
    found += [finding("encephalopathy", encephalopathy)] if encephalopathy is not None else []
    return (*labs, *found)


CHILD_PUGH: Final = (
    Case("I9", "nothing is recorded", (), UNKNOWN, says="5 to 15 points", missing="albumin within 14 days"),
    Case("I9", "5 points", _liver(), MET, says="Child-Pugh 5 points"),
    Case("I9", "7 points are allowed", _liver(bilirubin_total="3", albumin="3.5"), MET, says="7 points"),
    Case("I9", "8 points are not", _liver(bilirubin_total="3.01", albumin="3.5"), NOT_MET, says="8 points"),
    Case("I9", "INR 1.69 is 1 point", _liver(inr="1.69", ascites="moderate-severe"), MET, says="INR 1"),
    Case("I9", "INR 1.7 is 2 points", _liver(inr="1.7", ascites="moderate-severe"), NOT_MET, says="INR 2"),
    Case("I9", "INR 2.3 is 2 points", _liver(inr="2.3", ascites="mild"), MET, says="INR 2"),
    Case("I9", "INR 2.31 is 3 points", _liver(inr="2.31", ascites="mild"), NOT_MET, says="INR 3"),
    Case("I9", "albumin 3.51 is 1 point", _liver(albumin="3.51", ascites="moderate-severe"), MET),
    Case("I9", "albumin 3.5 is 2 points", _liver(albumin="3.5", ascites="moderate-severe"), NOT_MET),
    Case("I9", "albumin 2.8 is 2 points", _liver(albumin="2.8", ascites="mild"), MET),
    Case("I9", "albumin 2.79 is 3 points", _liver(albumin="2.79", ascites="mild"), NOT_MET),
    Case("I9", "bilirubin 1.99 is 1 point", _liver(bilirubin_total="1.99", ascites="moderate-severe"), MET),
    Case("I9", "bilirubin 2 is 2 points", _liver(bilirubin_total="2", ascites="moderate-severe"), NOT_MET),
    Case("I9", "encephalopathy grade 1-2 is 2 points", _liver(encephalopathy="grade-1-2", ascites="mild"), MET),
    Case("I9", "grade 3-4 is 3 points", _liver(encephalopathy="grade-3-4", ascites="mild"), NOT_MET),
    Case("I9", "a missing component is bounded: at worst 7", _liver(ascites=None), MET, says="5 to 7 points"),
    Case(
        "I9",
        "a missing component is bounded: at best 8",
        _liver(ascites=None, bilirubin_total="4", albumin="3", inr="1.1", encephalopathy="grade-1-2"),
        NOT_MET,
    ),
    Case(
        "I9",
        "otherwise what is missing is named",
        _liver(ascites=None, encephalopathy=None),
        UNKNOWN,
        missing="encephalopathy within 14 days",
    ),
    Case(
        "I9",
        "bilirubin in µmol/L is converted: 52 µmol/L are 3.04 mg/dL",
        (*_liver(bilirubin_total=None, albumin="3.5"), lab("bilirubin-total", "52", "umol/L")),
        NOT_MET,
        says="8 points",
    ),
    Case("I9", "bilirubin below 0.2 is 1 point", _liver(bilirubin_total="<0.2", ascites="moderate-severe"), MET),
    Case(
        "I9",
        "bilirubin above 2.5 is 2 or 3 points",
        _liver(bilirubin_total=">2.5", albumin="3.5"),
        UNKNOWN,
        missing="bilirubin as a value that can be scored",
    ),
    Case(
        "I9",
        "two values of one day on both sides conflict",
        (*_liver(albumin="3"), lab("bilirubin-total", "4")),
        CONFLICT,
        missing="one value of bilirubin",
    ),
    Case(
        "I9",
        "contradicting values that both allow are met",
        (*_liver(), lab("bilirubin-total", "4")),
        MET,
        says="5 to 7 points",
    ),
    Case(
        "I9",
        "the oldest component closes the window",
        (*_liver(inr=None), lab("inr", "1", on="2024-04-25")),
        MET,
        until="2024-05-10T00:00:00+00:00",
    ),
    Case(
        "I9",
        "a preliminary value is not scored",
        (*_liver(inr=None, ascites="mild"), lab("inr", "1", final=False)),
        UNKNOWN,
    ),
)


def _bound(criterion: str, concept: str, at: str, below: str, si: tuple[str, str]) -> tuple[Case, ...]:
    """The clauses that hold for every lower bound; `si` is the bound in another unit."""
    name = concept
    return (
        Case(criterion, "not measured", (), UNKNOWN, missing=f"{name} within 14 days"),
        Case(criterion, f"{at} is at the bound", (lab(concept, at),), MET, until="2024-05-18T00:00:00+00:00"),
        Case(criterion, f"{below} is below it", (lab(concept, below),), NOT_MET, says=f"needs ≥ {at}"),
        Case(criterion, f"{si[0]} {si[1]} is the same", (lab(concept, *si),), MET),
        Case(
            criterion,
            "14 days old",
            (lab(concept, at, on="2024-04-21"),),
            MET,
            until="2024-05-06T00:00:00+00:00",
        ),
        Case(criterion, "15 days old", (lab(concept, at, on="2024-04-20"),), UNKNOWN, says="older than 14 days"),
        Case(criterion, "of that month, day unknown", (lab(concept, at, on="2024-05"),), MET),
        Case(criterion, "of the month before, day unknown", (lab(concept, at, on="2024-04"),), UNKNOWN),
        Case(criterion, "undated", (lab(concept, at, on=None),), UNKNOWN),
        Case(criterion, "dated tomorrow", (lab(concept, below, on="2024-05-06"),), UNKNOWN),
        Case(
            criterion,
            "the freshest value decides",
            (lab(concept, below, on="2024-05-01"), lab(concept, at, on="2024-05-03")),
            MET,
        ),
        Case(
            criterion,
            "two values of one day on both sides conflict",
            (lab(concept, below), lab(concept, at)),
            CONFLICT,
            missing=f"one {name} result that settles it",
        ),
        Case(
            criterion,
            "with times the later one decides",
            (lab(concept, below, on="2024-05-03T07:00:00Z"), lab(concept, at, on="2024-05-03T09:00:00Z")),
            MET,
        ),
        Case(criterion, "known only to be below the bound", (lab(concept, f"<{at}"),), NOT_MET),
        Case(criterion, "known only to be at most the bound", (lab(concept, f"<={at}"),), UNKNOWN),
        Case(criterion, "known only to be above a lower value", (lab(concept, f">{below}"),), UNKNOWN),
        Case(criterion, "known to be above the bound", (lab(concept, f">{at}"),), MET),
        Case(criterion, "no value, with a reason", (lab(concept, None, absent_reason="clotted"),), UNKNOWN),
        Case(
            criterion,
            "a failed sample leaves the result before it",
            (lab(concept, at, on="2024-05-01"), lab(concept, None, absent_reason="clotted")),
            MET,
        ),
        Case(
            criterion,
            "preliminary alone does not decide",
            (lab(concept, at, final=False),),
            UNKNOWN,
            missing=f"final result of {name}",
        ),
        Case(
            criterion,
            "a newer preliminary result that agrees leaves the answer",
            (lab(concept, at, on="2024-05-01"), lab(concept, at, final=False)),
            MET,
        ),
        Case(
            criterion,
            "a newer preliminary result that contradicts leaves it open",
            (lab(concept, at, on="2024-05-01"), lab(concept, below, final=False)),
            UNKNOWN,
        ),
        Case(
            criterion,
            "an older preliminary result is overtaken",
            (lab(concept, below, on="2024-05-01", final=False), lab(concept, at)),
            MET,
        ),
    )


_HIGH: Final = lab("tsh", "6.8", high="4.2")

THYROID: Final = (
    Case("I11e", "not measured", (), UNKNOWN, missing="TSH within 14 days"),
    Case("I11e", "at the upper limit of normal", (lab("tsh", "4.2", high="4.2"),), MET),
    Case("I11e", "in µIU/mL it is the same", (lab("tsh", "4.2", "u[IU]/mL", high="4.2"),), MET),
    Case("I11e", "15 days old", (lab("tsh", "2", high="4.2", on="2024-04-20"),), UNKNOWN),
    Case(
        "I11e",
        "no limit of normal is known",
        (lab("tsh", "2"),),
        UNKNOWN,
        missing="upper limit of normal of TSH",
    ),
    Case("I11e", "above the limit nothing is failed", (_HIGH,), UNKNOWN, missing="thyroid acceptable"),
    Case(
        "I11e",
        "above it, and attested acceptable",
        (_HIGH, attestation("thyroid-acceptable", on="2024-05-03")),
        MET,
    ),
    Case(
        "I11e",
        "above it, and attested not acceptable",
        (_HIGH, attestation("thyroid-acceptable", False, on="2024-05-04")),
        NOT_MET,
    ),
    Case(
        "I11e",
        "an attestation before that value does not speak of it",
        (_HIGH, attestation("thyroid-acceptable", on="2024-05-02")),
        UNKNOWN,
    ),
    Case(
        "I11e",
        "the attestation has expired",
        (_HIGH, attestation("thyroid-acceptable", on="2024-05-03", expires="2024-05-04")),
        UNKNOWN,
    ),
    Case(
        "I11e",
        "two clinicians contradict each other",
        (
            _HIGH,
            attestation("thyroid-acceptable", on="2024-05-04"),
            attestation("thyroid-acceptable", False, on="2024-05-04"),
        ),
        CONFLICT,
    ),
    Case("I11e", "attested without any TSH", (attestation("thyroid-acceptable"),), UNKNOWN),
    Case("I11e", "two values of one day on both sides conflict", (_HIGH, lab("tsh", "2", high="4.2")), CONFLICT),
)

CASES: Final = (
    *LESIONS,
    *CHILD_PUGH,
    *_bound("I11a", "neutrophils", "1.5", "1.49", ("1500", "/uL")),
    *_bound("I11b", "platelets", "50", "49.9", ("50000", "/uL")),
    *_bound("I11c", "haemoglobin", "9", "8.9", ("90", "g/L")),
    *_bound("I11d", "albumin", "2.8", "2.79", ("28", "g/L")),
    *THYROID,
)
