"""Which content types are FHIR as JSON."""

from __future__ import annotations

import pytest

from services.intake import media
from services.intake.refusal import Refusal


@pytest.mark.parametrize(
    ("content_type", "version"),
    [
        ("application/fhir+json", None),
        ("application/json; charset=UTF-8", None),
        ("Application/FHIR+JSON;fhirversion=4.0", "4.0"),
        ('application/fhir+json; charset=utf-8; fhirVersion="5.0"', "5.0"),
    ],
)
def test_fhir_as_json_is_taken_with_the_version_it_names(content_type: str, version: str | None) -> None:
    """The media type of FHIR or that of JSON, in UTF-8; its parameter `fhirVersion` goes with the message."""
    assert media.fhir_version(content_type) == version


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/fhir+xml",
        "application/x-www-form-urlencoded",
        "application/json; charset=iso-8859-1",
        "application/fhir+json; fhirVersion=1.0",
    ],
)
def test_anything_else_is_refused(content_type: str | None) -> None:
    """XML, forms, other character sets, versions that are not read: 415."""
    with pytest.raises(Refusal) as refused:
        media.fhir_version(content_type)
    assert refused.value.status == 415
