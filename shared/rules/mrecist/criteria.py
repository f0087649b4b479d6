"""The published numbers of mRECIST, RECIST 1.1 and iRECIST, as frozen, cited constants. Decides nothing by itself.

A trial chooses one of them; it changes none of their numbers. What a trial may set (windows, minimal
durations, the accepted reader) lies in its protocol file.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

import msgspec


class Criteria(msgspec.Struct, frozen=True, kw_only=True):
    """One published set of response criteria; lengths in mm, percentages as written in the publication."""

    name: Literal["mrecist", "recist11", "irecist"]
    citation: str
    by_enhancement: bool
    """Inside the liver only arterially enhancing (viable) tumour counts, and a new nodule must be typical."""
    pr_decrease_percent: Decimal
    pd_increase_percent: Decimal
    pd_min_increase_mm: Decimal
    """The least absolute increase from nadir that can be progression."""
    max_targets: int
    max_targets_per_organ: int
    min_diameter_mm: Decimal
    """Least diameter (viable inside the liver, if by enhancement) of a measurable lesion that is no node."""
    node_min_mm: Decimal
    porta_hepatis_node_min_mm: Decimal
    """Least short axis of a measurable node, at the porta hepatis and elsewhere (`node_min_mm`)."""
    normal_node_below_mm: Decimal
    """A node with a shorter short axis is normal: it does not stand in the way of a complete response."""
    too_small_mm: Decimal
    """What a lesion that is seen but too small to measure contributes to the sum."""
    new_node_min_mm: Decimal
    """Least short axis of a node that counts as a new lesion."""
    new_nodule_min_mm: Decimal
    new_nodule_growth_mm: Decimal
    """A new nodule in the liver counts from this size if typical, or once it has grown by this much."""


MRECIST: Final = Criteria(
    name="mrecist",
    citation="mRECIST, Lencioni and Llovet 2010",
    by_enhancement=True,
    pr_decrease_percent=Decimal(30),
    pd_increase_percent=Decimal(20),
    pd_min_increase_mm=Decimal(0),
    max_targets=5,
    max_targets_per_organ=2,
    min_diameter_mm=Decimal(10),
    node_min_mm=Decimal(15),
    porta_hepatis_node_min_mm=Decimal(20),
    normal_node_below_mm=Decimal(10),
    too_small_mm=Decimal(5),  # assumed: mRECIST is silent, so RECIST 1.1, which it amends, holds
    new_node_min_mm=Decimal(10),  # assumed: outside the liver as in RECIST 1.1
    new_nodule_min_mm=Decimal(10),
    new_nodule_growth_mm=Decimal(10),
)

RECIST11: Final = Criteria(
    name="recist11",
    citation="RECIST 1.1, Eisenhauer 2009",
    by_enhancement=False,
    pr_decrease_percent=Decimal(30),
    pd_increase_percent=Decimal(20),
    pd_min_increase_mm=Decimal(5),
    max_targets=5,
    max_targets_per_organ=2,
    min_diameter_mm=Decimal(10),
    node_min_mm=Decimal(15),
    porta_hepatis_node_min_mm=Decimal(15),
    normal_node_below_mm=Decimal(10),
    too_small_mm=Decimal(5),
    new_node_min_mm=Decimal(10),
    new_nodule_min_mm=Decimal(0),
    new_nodule_growth_mm=Decimal(0),
)

IRECIST: Final = msgspec.structs.replace(
    RECIST11, name="irecist", citation="iRECIST, Seymour 2017; RECIST 1.1, Eisenhauer 2009"
)
"""A visit is read as by RECIST 1.1; what its progression means is `immune`'s."""

BY_NAME: Final[Mapping[str, Criteria]] = MappingProxyType({c.name: c for c in (MRECIST, RECIST11, IRECIST)})
