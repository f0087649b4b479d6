"""Decides the patients who respond or are stable; the answer of each visit stands beside its measurements."""

from __future__ import annotations

from typing import Final

from services.cli.simulate.candidate import liver_lesion, lung_lesion
from services.cli.simulate.entries import Attestation, Drug, Finding, LocalTreatment, Structure
from services.cli.simulate.scenarios.followed import (
    BASELINE,
    V1,
    V2,
    V3,
    baseline,
    baseline_by,
    followed,
    node,
    non_target,
    scan,
)
from services.cli.simulate.scenarios.scenario import Response

_RESPONDERS: Final = (
    followed(
        "complete-response-confirmed",
        "Partial, then complete response, seen again eight weeks later.",
        (
            *baseline("40", "20"),
            *scan(V1, "20", "10"),
            liver_lesion("liver-1", "0", V2, longest="14"),
            lung_lesion("lung-1", None, V2, state="absent"),
            liver_lesion("liver-1", "0", V3, longest="12"),
            lung_lesion("lung-1", None, V3, state="absent"),
        ),
        Response(visits={V1: "PR", V2: "CR", V3: "CR"}, best="CR", confirmed="CR"),
    ),
    followed(
        "complete-response-node",
        "No enhancement is left, and the target node is below 10 mm: complete although the sum is not 0.",
        (
            liver_lesion("liver-1", "26", BASELINE, key="liver-1-baseline"),
            node("28", "22", BASELINE),
            *(liver_lesion("liver-1", "0", day, longest="15") for day in (V1, V2)),
            *(node("14", "8", day) for day in (V1, V2)),
        ),
        Response(visits={V1: "CR", V2: "CR"}, best="CR", confirmed="CR"),
        without=("lung-1-baseline",),
    ),
    followed(
        "partial-response-exactly-30-percent",
        "The sum falls from 50 to exactly 35 mm, and stays there.",
        (*baseline("30", "20"), *scan(V1, "20", "15"), *scan(V2, "20", "15")),
        Response(visits={V1: "PR", V2: "PR"}, best="PR", confirmed="PR"),
    ),
    followed(
        "partial-response-then-complete",
        "The complete response has not been confirmed; the partial one has, by it.",
        (
            *baseline("40", "20"),
            *scan(V1, "18", "10"),
            liver_lesion("liver-1", "0", V2, longest="14"),
            lung_lesion("lung-1", None, V2, state="absent"),
        ),
        Response(visits={V1: "PR", V2: "CR"}, best="CR", confirmed="PR"),
    ),
    followed(
        "partial-response-unconfirmed",
        "One partial response so far, with nothing to confirm it.",
        (*baseline("40", "20", -82), *scan(-14, "20", "10")),
        Response(visits={-14: "PR"}, best="PR", confirmed="SD"),
        first=-70,
    ),
    followed(
        "partial-response-repeated-too-soon",
        "Partial response, repeated after 21 days only: not confirmed.",
        (*baseline("40", "20"), *scan(V1, "20", "10"), *scan(V1 + 21, "20", "10")),
        Response(visits={V1: "PR", V1 + 21: "PR"}, best="PR", confirmed="SD"),
    ),
    followed(
        "partial-response-confirmed-over-gap",
        "Partial response, one visit that cannot be evaluated, partial response: confirmed.",
        (
            *baseline("40", "20"),
            *scan(V1, "20", "10"),
            liver_lesion("liver-1", "20", V2),
            lung_lesion("lung-1", None, V2, state="not-evaluable"),
            *scan(V3, "19", "10"),
        ),
        Response(visits={V1: "PR", V2: "NE", V3: "PR"}, best="PR", confirmed="PR"),
    ),
    followed(
        "partial-response-non-target-left",
        "No target is left, but a lesion that is not measured still enhances: partial.",
        (
            *baseline("30", "20"),
            non_target("liver-2", BASELINE),
            *(
                lesion
                for day in (V1, V2)
                for lesion in (
                    liver_lesion("liver-1", "0", day, longest="12"),
                    lung_lesion("lung-1", None, day, state="absent"),
                    non_target("liver-2", day),
                )
            ),
        ),
        Response(visits={V1: "PR", V2: "PR"}, best="PR", confirmed="PR"),
    ),
)

_STABLE: Final = (
    followed(
        "stable",
        "Stable at two visits; the same targeted drug is prescribed again.",
        (
            *baseline("30", "20"),
            *scan(V1, "29", "19"),
            *scan(V2, "31", "20"),
            Drug(key="prescribed-again", drug="sorafenib", record="request", day=V1, dose="400", per_day=2),
        ),
        Response(visits={V1: "SD", V2: "SD"}, best="SD", confirmed="SD"),
    ),
    followed(
        "stable-too-early",
        "Stable on day 31 only: too early to count as stable disease.",
        (*baseline("30", "20", -52), *scan(-10, "30", "19")),
        Response(visits={-10: "SD"}, best="NE", confirmed="NE"),
        first=-40,
    ),
    followed(
        "not-measurable",
        "Only lesions too small to be measured, enrolled without meeting I8: no response but no progression.",
        (
            liver_lesion("liver-1", "8", BASELINE, key="liver-1-baseline", role="non-target"),
            liver_lesion("liver-2", "7", BASELINE, role="non-target"),
            *(
                lesion
                for day in (V1, V2)
                for lesion in (
                    liver_lesion("liver-1", "8", day, role="non-target"),
                    liver_lesion("liver-2", "7", day, role="non-target"),
                )
            ),
        ),
        Response(visits={V1: "NON-CR/NON-PD", V2: "NON-CR/NON-PD"}, best="NON-CR/NON-PD", confirmed="NON-CR/NON-PD"),
        without=("lung-1-baseline",),
        answers={"I8": "not met"},
    ),
    followed(
        "not-evaluable-partial-sum",
        "A visit without the lung cannot be evaluated, and its partial sum is no nadir for the next.",
        (
            *baseline("50", "50"),
            liver_lesion("liver-1", "40", V1),
            *scan(V2, "50", "50"),
        ),
        Response(visits={V1: "NE", V2: "SD"}, best="SD", confirmed="SD"),
    ),
    followed(
        "target-ablated",
        "The liver target is ablated after a partial response: the later visit cannot be evaluated.",
        (
            *baseline("60", "40"),
            *scan(V1, "35", "25"),
            LocalTreatment(key="ablation", concept="tumour-ablation", lesion="liver-1", day=V1 + 20),
            *scan(V2, "10", "25"),
        ),
        Response(visits={V1: "PR", V2: "NE"}, best="PR", confirmed="SD"),
    ),
    followed(
        "targets-merged",
        "Two liver targets of 30 and 20 mm grow together: measured as one of 38 mm, with 20 mm in the lung.",
        (
            *baseline("30", "20"),
            liver_lesion("liver-2", "20", BASELINE),
            liver_lesion("liver-1", "38", V1, merged_with=("liver-2",)),
            lung_lesion("lung-1", "20", V1),
        ),
        Response(visits={V1: "SD"}, best="SD", confirmed="SD"),
    ),
    followed(
        "target-split",
        "The liver target of 50 mm falls into parts of 15 and 12 mm: the parts are added up.",
        (
            *baseline("50", "20"),
            liver_lesion("liver-1", "15", V1),
            liver_lesion("liver-1b", "12", V1, split_from="liver-1"),
            lung_lesion("lung-1", "20", V1),
        ),
        Response(visits={V1: "PR"}, best="PR", confirmed="SD"),
    ),
    followed(
        "readers-adjudicated",
        "Two readers differ, stable and partial response; the adjudicator accepts the second.",
        (
            *baseline("50", "20"),
            *baseline_by("radiologist-2", "50", "20"),
            *scan(V1, "48", "20"),
            liver_lesion("liver-1", "25", V1, key="liver-1-second", reader="radiologist-2"),
            lung_lesion("lung-1", "20", V1, key="lung-1-second", reader="radiologist-2"),
            Attestation(key="adjudication", code="reader-accepted", about_reader="radiologist-2", day=V1 + 7),
        ),
        Response(visits={V1: "PR"}, best="PR", confirmed="SD"),
    ),
    followed(
        "scans-on-several-days",
        "Liver and lung are scanned 3 days apart: stable has the later date, progression the earlier.",
        (
            *baseline("30", "20"),
            liver_lesion("liver-1", "30", V1),
            lung_lesion("lung-1", "21", V1 + 3),
            liver_lesion("liver-1", "45", V2),
            lung_lesion("lung-1", "30", V2 + 3),
        ),
        Response(visits={V1 + 3: "SD", V2: "PD"}, best="SD", confirmed="SD", progression=V2),
    ),
    followed(
        "numbered-visits",
        "Scans 18 days apart belong to one visit, as the record numbers it.",
        (
            *baseline("30", "20", visit=0),
            liver_lesion("liver-1", "31", V1, visit=1),
            lung_lesion("lung-1", "20", V1 + 18, visit=1),
            *scan(V2, "29", "20", visit=2),
        ),
        Response(visits={V1 + 18: "SD", V2: "SD"}, best="SD", confirmed="SD"),
    ),
    followed(
        "centimetres-under-treatment",
        "Stable in cm, the lesions named by BodyStructures; a reader's own statement agrees.",
        (
            *baseline("30", "20", unit="cm", by_structure=True),
            *scan(V1, "31", "21", unit="cm", by_structure=True),
            Finding(key="statement", concept="mrecist-response", answer="SD", day=V1),
            Structure(key="structure-liver-1", day=BASELINE),
            Structure(key="structure-lung-1", day=BASELINE, organ="lung"),
        ),
        Response(visits={V1: "SD"}, best="SD", confirmed="SD"),
    ),
)

RESPONSE: Final = (*_RESPONDERS, *_STABLE)
