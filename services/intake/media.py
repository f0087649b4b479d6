"""Decides whether a Content-Type is FHIR as JSON, and which version of FHIR it names. Reads no body."""

from __future__ import annotations

from email.message import Message
from typing import Final

from services.intake.refusal import Refusal

_JSON: Final = ("application/fhir+json", "application/json")
_VERSIONS: Final = ("4.0", "4.3", "5.0")


def fhir_version(content_type: str | None) -> str | None:
    """The version that the media type names (its parameter `fhirVersion`), if any; refuses what is not FHIR as JSON in UTF-8."""
    header = Message()
    header["Content-Type"] = content_type or "application/octet-stream"
    if header.get_content_type() not in _JSON:
        raise Refusal(415, "expected the content type application/fhir+json (or application/json)")
    if (header.get_content_charset() or "utf-8") not in ("utf-8", "utf8"):
        raise Refusal(415, "expected the character set UTF-8")
    version = header.get_param("fhirVersion")
    if version is None:
        return None
    if version not in _VERSIONS:
        raise Refusal(415, f"expected a fhirVersion of {', '.join(_VERSIONS)}")
    return str(version)
