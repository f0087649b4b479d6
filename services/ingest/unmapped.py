"""Decides which delivered codes nobody knows: no row of the table of codes, and not the site's own map.

Does not decide what they mean. Codes only, never their display: that is free text and may name a patient.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from services.ingest.batch import Delivered
from shared.fhir.elements import Coding, code_set
from shared.fhir.meaning import Meaning
from shared.fhir.reading import OutOfScope

TYPES: Final = code_set(
    """
    Condition Medication MedicationAdministration MedicationDispense MedicationRequest MedicationStatement Observation
    Procedure
    """
)
_CODE: Final = re.compile(r"[!-~]{1,64}")
_SYSTEM: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]{1,200}")
UNSHOWN: Final = "?"
"""Stands for what is no code or no URI: it may be anything, a name too."""

Unmapped = tuple[str, str, str, str]
"""Site, resource type, system, code."""


def count(delivered: Iterable[Delivered], meanings: Mapping[str, Meaning]) -> Counter[Unmapped]:
    """How many delivered resources have a first code that nobody knows."""
    stated: Counter[Unmapped] = Counter()
    for d in delivered:
        reading = d.reading
        if isinstance(reading, OutOfScope) and reading.code is not None and reading.record.type in TYPES:
            stated[reading.record.site, reading.record.type, reading.system or "", reading.code] += 1
    found: Counter[Unmapped] = Counter()
    for (site, type_, system, code), n in stated.items():  # each distinct code is looked up once
        if not is_known(meanings[site], system, code):
            found[site, type_, _shown(system, _SYSTEM), _shown(code, _CODE)] += n
    return found


def is_known(meaning: Meaning, system: str, code: str) -> bool:
    """Whether the table of codes or the site's map lists it."""
    return meaning.concept_of(Coding(system=system, code=code)) is not None


def _shown(stated: str, form: re.Pattern[str]) -> str:
    return stated if not stated or form.fullmatch(stated) else UNSHOWN
