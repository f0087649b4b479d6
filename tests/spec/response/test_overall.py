"""The overall response of a visit: every combination of targets, non-targets and new lesion."""

from __future__ import annotations

import pytest

from shared.rules.mrecist.model import NonTargetResponse, OverallResponse, TargetResponse
from shared.rules.mrecist.overall import RULES, Parts, assess
from tests.spec.response.table_cases import CELLS


@pytest.mark.parametrize(("parts", "expected"), CELLS.items())
def test_without_new_lesion(
    parts: tuple[TargetResponse | None, NonTargetResponse | None], expected: OverallResponse
) -> None:
    """Any progression is progression; else the targets decide, and non-targets hold back a complete response."""
    assert assess(Parts(*parts, new_lesion=False)).answer == expected


@pytest.mark.parametrize("parts", CELLS)
def test_with_a_new_lesion(parts: tuple[TargetResponse | None, NonTargetResponse | None]) -> None:
    """A new lesion is progression, whatever the other lesions do."""
    assert assess(Parts(*parts, new_lesion=True)).answer == "PD"


@pytest.mark.parametrize("parts", CELLS)
def test_without_baseline(parts: tuple[TargetResponse | None, NonTargetResponse | None]) -> None:
    """Without a baseline nothing can be told, not even progression."""
    assert assess(Parts(*parts, new_lesion=True, has_baseline=False)).answer == "NE"


def test_rules_have_names_of_their_own_sentences_and_sources() -> None:
    """Each rule can be named in an outcome and explained with its source."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.says.endswith(".") and rule.source for rule in RULES)
