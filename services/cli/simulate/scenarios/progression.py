"""Decides the patients who progress, and those whose answer a correction changes."""

from __future__ import annotations

from typing import Final

from services.cli.simulate.candidate import liver_lesion, lung_lesion
from services.cli.simulate.scenarios.followed import (
    BASELINE,
    V1,
    V2,
    baseline,
    followed,
    new_lesion,
    non_target,
    scan,
)
from services.cli.simulate.scenarios.scenario import Response

_PROGRESSORS: Final = (
    followed(
        "progression-exactly-20-percent",
        "The sum rises from 50 to exactly 60 mm.",
        (*baseline("30", "20"), *scan(V1, "30", "21"), *scan(V2, "36", "24")),
        Response(visits={V1: "SD", V2: "PD"}, best="SD", confirmed="SD", progression=V2),
    ),
    followed(
        "progression-from-nadir",
        "After a partial response the sum rises by 20 % of its nadir, still below the baseline.",
        (*baseline("60", "40"), *scan(V1, "35", "25"), *scan(V2, "42", "30")),
        Response(visits={V1: "PR", V2: "PD"}, best="PR", confirmed="SD", progression=V2),
    ),
    followed(
        "progression-first-visit",
        "Progression at the first visit, and still at the second.",
        (*baseline("30", "20"), *scan(V1, "45", "30"), *scan(V2, "50", "34")),
        Response(visits={V1: "PD", V2: "PD"}, best="PD", confirmed="PD", progression=V1),
    ),
    followed(
        "progression-non-target",
        "Targets are stable; a lesion that is not measured progresses unequivocally.",
        (
            *baseline("30", "20"),
            non_target("liver-2", BASELINE),
            *scan(V1, "30", "20"),
            non_target("liver-2", V1),
            *scan(V2, "30", "20"),
            non_target("liver-2", V2, "unequivocal-progression"),
        ),
        Response(visits={V1: "SD", V2: "PD"}, best="SD", confirmed="SD", progression=V2),
    ),
    followed(
        "progression-new-lesion-typical",
        "A new lesion of the liver of 15 mm with typical enhancement.",
        (
            *baseline("30", "20"),
            *scan(V1, "29", "20"),
            *scan(V2, "29", "20"),
            new_lesion("liver-9", "15", V2, viable="15", enhancing=True, washout=True),
        ),
        Response(visits={V1: "SD", V2: "PD"}, best="SD", confirmed="SD", progression=V2),
    ),
    followed(
        "progression-new-lesion-back-dated",
        "A new lesion of 8 mm without washout is typical at the next visit: progression is dated back.",
        (
            *baseline("30", "20"),
            *scan(V1, "29", "20"),
            new_lesion("liver-9", "8", V1, viable="8", enhancing=True, washout=False),
            *scan(V2, "29", "20", phase=2),
            new_lesion("liver-9", "14", V2, viable="14", enhancing=True, washout=True, phase=2),
        ),
        Response(visits={V1: "PD", V2: "PD"}, best="PD", confirmed="PD", progression=V1),
    ),
    followed(
        "progression-new-lesion-lung",
        "A new lesion outside the liver is progression at any size.",
        (
            *baseline("30", "20"),
            *scan(V1, "29", "20"),
            new_lesion("lung-9", "12", V1, organ="lung"),
        ),
        Response(visits={V1: "PD"}, best="PD", confirmed="PD", progression=V1),
    ),
    followed(
        "progression-despite-missing-target",
        "One target is not evaluable, but the other alone makes progression.",
        (
            *baseline("30", "30"),
            *scan(V1, "30", "30"),
            liver_lesion("liver-1", "90", V2),
            lung_lesion("lung-1", None, V2, state="not-evaluable"),
        ),
        Response(visits={V1: "SD", V2: "PD"}, best="SD", confirmed="SD", progression=V2),
    ),
    followed(
        "progression-after-complete-response",
        "After a complete response 6 mm of enhancing tumour are back: progression, whatever the size.",
        (
            liver_lesion("liver-1", "30", BASELINE, key="liver-1-baseline"),
            liver_lesion("liver-1", "0", V1, longest="12"),
            liver_lesion("liver-1", "6", V2, longest="12"),
        ),
        Response(visits={V1: "CR", V2: "PD"}, best="CR", confirmed="SD", progression=V2),
        without=("lung-1-baseline",),
    ),
)

_CORRECTED: Final = (
    followed(
        "measurement-corrected",
        "A measurement is corrected from 34 to 20 mm: stable disease becomes a partial response.",
        (
            *baseline("40", "20"),
            *scan(V1, "34", "14"),
            liver_lesion("liver-1", "20", V1, status="corrected", version=2, phase=2),
            *scan(V2, "20", "14"),
        ),
        Response(visits={V1: "PR", V2: "PR"}, best="PR", confirmed="PR"),
    ),
    followed(
        "new-lesion-entered-in-error",
        "A new lesion was entered in error: progression is withdrawn.",
        (
            *baseline("30", "20"),
            *scan(V1, "30", "20"),
            new_lesion("lung-9", "14", V1, organ="lung"),
            new_lesion("lung-9", "14", V1, organ="lung", status="entered-in-error", version=2, phase=2),
        ),
        Response(visits={V1: "SD"}, best="SD", confirmed="SD"),
    ),
    followed(
        "visit-reported-late",
        "The second visit is reported in the third phase, and shows a partial response.",
        (*baseline("40", "20"), *scan(V1, "38", "20"), *scan(V2, "20", "12", phase=3)),
        Response(visits={V1: "SD", V2: "PR"}, best="PR", confirmed="SD"),
    ),
)

PROGRESSION: Final = (*_PROGRESSORS, *_CORRECTED)
