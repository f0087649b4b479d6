"""The overall response of a visit: every combination of targets, non-targets and new lesion."""

from __future__ import annotations

from typing import Final

import pytest

from shared.rules.mrecist.model import NonTargetResponse, OverallResponse, TargetResponse
from shared.rules.mrecist.overall import RULES, Parts, assess

WITHOUT_NEW_LESION: Final[dict[tuple[TargetResponse | None, NonTargetResponse | None], OverallResponse]] = {
    ("CR", None): "CR",
    ("CR", "CR"): "CR",
    ("CR", "NON-CR/NON-PD"): "PR",
    ("CR", "NE"): "PR",
    ("CR", "PD"): "PD",
    ("PR", None): "PR",
    ("PR", "CR"): "PR",
    ("PR", "NON-CR/NON-PD"): "PR",
    ("PR", "NE"): "PR",
    ("PR", "PD"): "PD",
    ("SD", None): "SD",
    ("SD", "CR"): "SD",
    ("SD", "NON-CR/NON-PD"): "SD",
    ("SD", "NE"): "SD",
    ("SD", "PD"): "PD",
    ("PD", None): "PD",
    ("PD", "CR"): "PD",
    ("PD", "NON-CR/NON-PD"): "PD",
    ("PD", "NE"): "PD",
    ("PD", "PD"): "PD",
    ("NE", None): "NE",
    ("NE", "CR"): "NE",
    ("NE", "NON-CR/NON-PD"): "NE",
    ("NE", "NE"): "NE",
    ("NE", "PD"): "PD",
    (None, "CR"): "CR",
    (None, "NON-CR/NON-PD"): "NON-CR/NON-PD",
    (None, "NE"): "NE",
    (None, "PD"): "PD",
    (None, None): "NE",
}


@pytest.mark.parametrize(("parts", "expected"), WITHOUT_NEW_LESION.items())
def test_without_new_lesion(
    parts: tuple[TargetResponse | None, NonTargetResponse | None], expected: OverallResponse
) -> None:
    """Any progression is progression; else the targets decide, and non-targets hold back a complete response."""
    assert assess(Parts(*parts, new_lesion=False)).answer == expected


@pytest.mark.parametrize("parts", WITHOUT_NEW_LESION)
def test_with_a_new_lesion(parts: tuple[TargetResponse | None, NonTargetResponse | None]) -> None:
    """A new lesion is progression, whatever the other lesions do."""
    assert assess(Parts(*parts, new_lesion=True)).answer == "PD"


@pytest.mark.parametrize("parts", WITHOUT_NEW_LESION)
def test_without_baseline(parts: tuple[TargetResponse | None, NonTargetResponse | None]) -> None:
    """Without a baseline nothing can be told, not even progression."""
    assert assess(Parts(*parts, new_lesion=True, has_baseline=False)).answer == "NE"


def test_rules_have_names_of_their_own_sentences_and_sources() -> None:
    """Each rule can be named in an outcome and explained with its source."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.says.endswith(".") and rule.source for rule in RULES)
