"""The rule as somebody would write it by hand for this one question: dicts, floats, no reasons, no evidence."""

from __future__ import annotations

from typing import Any, Final

_FINAL: Final = ("final", "amended", "corrected")


def eligible(resources: list[dict[str, Any]], born_by: str) -> bool:
    """Adult, hypertension, no unspecified kidney disease, latest creatinine and ALT within bounds."""
    adult = hypertension = False
    creatinine: list[tuple[str, float]] = []
    alt: list[tuple[str, float]] = []
    for resource in resources:
        match resource["resourceType"]:
            case "Patient":
                adult = resource["birthDate"] <= born_by
            case "Condition":
                for coding in resource["code"]["coding"]:
                    if coding["system"] == "http://hl7.org/fhir/sid/icd-10-cm":
                        if coding["code"] == "N18.9":
                            return False
                        hypertension = hypertension or coding["code"] == "I10"
            case "Observation":
                for coding in resource["code"]["coding"]:
                    if coding.get("system") != "http://loinc.org" or resource["status"] not in _FINAL:
                        continue
                    if coding["code"] in ("2160-0", "1742-6"):
                        results = creatinine if coding["code"] == "2160-0" else alt
                        results.append((resource["effectiveDateTime"], resource["valueQuantity"]["value"]))
    return adult and hypertension and _fits(creatinine, 1.5) and _fits(alt, 200)


def _fits(results: list[tuple[str, float]], bound: float) -> bool:
    if not results:
        return False
    last = max(at for at, _ in results)
    return all(value <= bound for at, value in results if at == last)
