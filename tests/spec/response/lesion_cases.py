"""What becomes of lesions that grow together, fall apart, are too small, are treated, or are read by several readers.

One target in the liver unless said otherwise, sizes in mm; first dose 1 May 2024, baseline 24 April.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from shared.facts import AnyFact
from shared.rules.mrecist import MRECIST, RECIST11, Criteria
from tests.spec.response.courses import BASELINE, VISITS, new, non_target, scans, target
from tests.support import build


class LesionCase(NamedTuple):
    """One course: what was recorded, the response and the sum of each visit, and a problem that is named."""

    clause: str
    facts: tuple[AnyFact, ...]
    responses: tuple[str, ...]
    sums: tuple[str | None, ...]
    problem: str = ""
    criteria: Criteria = MRECIST


def _lung(size: str | None, on: str, name: str = "target-2", **more: Any) -> AnyFact:
    return build.lesion(name, on=on, organ="lung", longest=size, **more)


def _treatment(concept: str, on: str | None, **what: Any) -> AnyFact:
    return build.procedure(concept, on=on, **what)


TWO: Final = (*scans("30"), target("20", BASELINE, "target-2"))
"""Two targets at baseline, sum 50."""
JOINT: Final = target("36", VISITS[0], merged_with=("target-2",))
ABLATED: Final = _treatment("tumour-ablation", "2024-06-01", lesions=("target-1",))
READ_TWICE: Final = (
    *(target(size, on, reader="reader-1") for size, on in zip(("50", "30"), (BASELINE, VISITS[0]), strict=True)),
    *(target(size, on, reader="reader-2") for size, on in zip(("50", "49"), (BASELINE, VISITS[0]), strict=True)),
    target("15", BASELINE, "target-2", reader="reader-2"),
    target("15", VISITS[0], "target-2", reader="reader-2"),
)
"""Reader 1 measures one lesion and sees a response, reader 2 measures two and sees none."""

MERGED: Final = (
    LesionCase("two targets that grew together are measured as one, once", (*TWO, JOINT), ("SD",), ("36",)),
    LesionCase(
        "the same, recorded under the other of the two",
        (*TWO, target("36", VISITS[0], "target-2", merged_with=("target-1",))),
        ("SD",),
        ("36",),
    ),
    LesionCase(
        "a merged lesion may progress", (*TWO, target("60", VISITS[0], merged_with=("target-2",))), ("PD",), ("60",)
    ),
    LesionCase(
        "the other one called absent is no contradiction, it is part of the whole",
        (*TWO, JOINT, target("0", VISITS[0], "target-2", longest="0", state="absent")),
        ("SD",),
        ("36",),
    ),
    LesionCase(
        "the other one measured too, on the same day: a contradiction, not evaluable",
        (*TWO, JOINT, target("20", VISITS[0], "target-2")),
        ("NE",),
        (None,),
        "a target lesion in the liver: records of one day contradict each other",
    ),
    LesionCase(
        "without a link a target that is not recorded is not assessed, whatever the other measures",
        (*TWO, target("36", VISITS[0])),
        ("NE",),
        (None,),
        "a target lesion in the liver: not assessed",
    ),
    LesionCase(
        "a target measured together with a non-target lesion keeps the diameter in the sum",
        (
            *scans("30"),
            non_target("present", BASELINE, organ="liver"),
            build.lesion(
                "non-target-1", on=VISITS[0], role="non-target", viable="33", longest="90", merged_with=("target-1",)
            ),
        ),
        ("SD",),
        ("33",),
    ),
)
SPLIT: Final = (
    LesionCase(
        "the parts of a target are added up",
        (*scans("50"), *(target("18", VISITS[0], f"part-{n}", role=None, split_from="target-1") for n in (1, 2))),
        ("SD",),
        ("36",),
    ),
    LesionCase(
        "what is still recorded under the old name is one more part",
        (*scans("50", "10"), target("8", VISITS[0], "part-1", role="target", split_from="target-1")),
        ("PR",),
        ("18",),
    ),
    LesionCase(
        "a part that is not assessed later makes the target not evaluable",
        (*scans("50", "10", "10"), target("8", VISITS[0], "part-1", role=None, split_from="target-1")),
        ("PR", "NE"),
        ("18", None),
        "a target lesion in the liver: a part of it was not assessed since it fell into parts",
    ),
    LesionCase(
        "a part of a part belongs to the first lesion",
        (
            *scans("50", "10", "10"),
            target("8", VISITS[0], "part-1", role=None, split_from="target-1"),
            target("4", VISITS[1], "part-1", role=None),
            target("3", VISITS[1], "part-2", role=None, split_from="part-1"),
        ),
        ("PR", "PR"),
        ("18", "17"),
    ),
    LesionCase(
        "all parts gone is a complete response",
        (
            *scans("50", "0"),
            target("0", VISITS[0], "part-1", role=None, longest="0", state="absent", split_from="target-1"),
        ),
        ("CR",),
        ("0",),
    ),
    LesionCase(
        "a part of a non-target lesion is no new lesion",
        (
            *scans("50", "50"),
            non_target("present", BASELINE),
            non_target("present", VISITS[0]),
            new(VISITS[0], "part-1", longest="12", split_from="non-target-1"),
        ),
        ("SD",),
        ("50",),
    ),
    LesionCase(
        "a part of a lesion that nobody follows is a new lesion, and named",
        (*scans("50", "50"), new(VISITS[0], "part-1", longest="12", split_from="another")),
        ("PD",),
        ("50",),
        "a lesion is recorded as part of one that is not followed: it is new",
    ),
)
SMALL: Final = (
    LesionCase(
        "too small to measure counts as 5 mm",
        (*scans("50"), target(None, VISITS[0], state="too-small-to-measure", longest=None)),
        ("PR",),
        ("5",),
    ),
    LesionCase(
        "the same by RECIST 1.1, of which the rule is",
        (_lung("50", BASELINE), _lung(None, VISITS[0], state="too-small-to-measure")),
        ("PR",),
        ("5",),
        criteria=RECIST11,
    ),
    LesionCase(
        "a measured size decides where one is recorded beside it",
        (*scans("50"), target("4", VISITS[0], state="too-small-to-measure")),
        ("PR",),
        ("4",),
    ),
)
TREATED: Final = (
    LesionCase(
        "an ablated target is not evaluable from then on",
        (*scans("50", "20"), ABLATED),
        ("NE",),
        (None,),
        "a target lesion in the liver: ablation of tumour on 1 June 2024: not evaluable from then on",
    ),
    LesionCase(
        "nor on the day of the ablation itself: which came first is not recorded",
        (*scans("50", "20"), _treatment("tumour-ablation", VISITS[0], lesions=("target-1",))),
        ("NE",),
        (None,),
    ),
    LesionCase(
        "before the ablation it counts",
        (*scans("50", "30", "20"), _treatment("tumour-ablation", "2024-07-01", lesions=("target-1",))),
        ("PR", "NE"),
        ("30", None),
    ),
    LesionCase(
        "the other targets may still progress",
        (*scans("20", "5"), _lung("30", BASELINE), _lung("61", VISITS[0]), ABLATED),
        ("PD",),
        (None,),
    ),
    LesionCase(
        "a resection that names the only target's organ",
        (*scans("50", "0"), _treatment("tumour-resection", "2024-06-01", organs=("liver",))),
        ("NE",),
        (None,),
    ),
    LesionCase(
        "one that names an organ with two targets: neither can be evaluated, and it is named",
        (
            *TWO,
            *(target("20", VISITS[0], f"target-{n}") for n in (1, 2)),
            _treatment("tumour-embolisation", "2024-06-01", organs=("liver",)),
        ),
        ("NE",),
        (None,),
        "embolisation or chemoembolisation of tumour in the liver does not name its lesion: "
        "none of those there can be evaluated since",
    ),
    LesionCase(
        "one in another organ changes nothing",
        (*scans("50", "30"), _treatment("tumour-resection", "2024-06-01", organs=("lung",))),
        ("PR",),
        ("30",),
    ),
    LesionCase(
        "one before the baseline is part of what the baseline shows",
        (*scans("50", "30"), _treatment("tumour-resection", "2024-01-10", organs=("liver",))),
        ("PR",),
        ("30",),
    ),
    LesionCase(
        "one that was not done changes nothing",
        (*scans("50", "30"), _treatment("tumour-ablation", "2024-06-01", lesions=("target-1",), performed=False)),
        ("PR",),
        ("30",),
    ),
    LesionCase(
        "one without a date changes nothing, and is named",
        (*scans("50", "30"), _treatment("tumour-ablation", None, lesions=("target-1",))),
        ("PR",),
        ("30",),
        "ablation of tumour has no date: what it changed is unknown",
    ),
    LesionCase(
        "one that names neither lesion nor organ changes nothing, and is named",
        (*scans("50", "30"), _treatment("tumour-ablation", "2024-06-01")),
        ("PR",),
        ("30",),
        "ablation of tumour names neither lesion nor organ: whether a target was treated is unknown",
    ),
    LesionCase(
        "a non-target lesion that was treated is not evaluable, but its unequivocal progression stands",
        (
            *scans("50", "50", "50"),
            *(
                non_target(s, on)
                for s, on in zip(("present", "absent", "unequivocal-progression"), (BASELINE, *VISITS), strict=False)
            ),
            _treatment("tumour-resection", "2024-06-01", organs=("lung",)),
        ),
        ("SD", "PD"),
        ("50", "50"),
    ),
)
READERS: Final = (
    LesionCase(
        "nothing says who is accepted: who measured most at baseline is followed, and it is named",
        READ_TWICE,
        ("SD",),
        ("64",),
        "2 readers, and the protocol names none as accepted: the one with most lesions recorded at baseline is followed",
    ),
    LesionCase(
        "records flagged as accepted name the reader",
        (*READ_TWICE, target("30", "2024-06-27", reader="reader-1", accepted=True)),
        ("PR",),
        ("30",),
    ),
    LesionCase(
        "flags for two readers: who has most of them is followed, and it is named",
        (
            *READ_TWICE,
            *(target("30", f"2024-06-2{n}", reader="reader-1", accepted=True) for n in (7, 8)),
            target("49", "2024-06-27", reader="reader-2", accepted=True),
        ),
        ("PR",),
        ("30",),
        "records of 2 readers are flagged as accepted: the one with most of them is followed",
    ),
    LesionCase(
        "adjudication names the reader of this patient",
        (*READ_TWICE, build.attestation("reader-accepted", on="2024-07-01", focus="reader-1")),
        ("PR",),
        ("30",),
    ),
    LesionCase(
        "the last adjudication counts",
        (
            *READ_TWICE,
            build.attestation("reader-accepted", on="2024-07-01", focus="reader-1"),
            build.attestation("reader-accepted", on="2024-07-15", focus="reader-2"),
        ),
        ("SD",),
        ("64",),
    ),
    LesionCase(
        "an adjudication that expired does not",
        (
            *READ_TWICE,
            build.attestation("reader-accepted", on="2024-07-01", expires="2024-08-01", focus="reader-1"),
        ),
        ("SD",),
        ("64",),
    ),
    LesionCase(
        "two adjudications of one day that differ settle nothing, and are named",
        (*READ_TWICE, *(build.attestation("reader-accepted", on="2024-07-01", focus=f"reader-{n}") for n in (1, 2))),
        ("SD",),
        ("64",),
        "two readers were accepted by adjudication on one day: neither counts",
    ),
    LesionCase(
        "records of nobody are left out beside those of several readers, and named",
        (*READ_TWICE, target("90", "2024-06-28", reader=None)),
        ("SD",),
        ("64",),
        "records that name no reader are left out",
    ),
)
PLACED: Final = (
    LesionCase(
        "a record of a later visit dated before the first dose belongs to no visit, and is named",
        (*scans("50"), target("50", VISITS[0], visit=2), target("20", "2023-06-26", visit=2)),
        ("SD",),
        ("50",),
        "a record of a later visit is dated before the first dose: it belongs to no visit",
    ),
    LesionCase(
        "visit numbers against the order of dates are named; the dates order the visits",
        (*scans("50"), target("50", VISITS[0], visit=3), target("30", VISITS[1], visit=2)),
        ("SD", "PR"),
        ("50", "30"),
        "visit 2 is dated after visit 3",
    ),
    LesionCase(
        "a scan before the baseline window is not compared with, and named",
        (target("20", "2024-03-01"), *scans("50", "30")),
        ("PR",),
        ("30",),
        "scans before the baseline window are not compared with",
    ),
)
GROUPS: Final = {
    "Lesions that grew together": MERGED,
    "Lesions that fell apart": SPLIT,
    "Too small to measure": SMALL,
    "Surgery, ablation and the like": TREATED,
    "Several readers": READERS,
    "Records that do not fit the visits": PLACED,
}
CASES: Final = tuple(case for group in GROUPS.values() for case in group)
