"""Decides how a refusal is put: an HTTP status, FHIR's code for it, what was expected and where. Refuses nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ISSUE_CODES: Final[Mapping[int, str]] = {
    400: "structure",
    401: "login",
    404: "not-found",
    405: "not-supported",
    408: "timeout",
    413: "too-long",
    415: "not-supported",
    501: "not-supported",
    503: "transient",
}


class Refusal(Exception):  # noqa: N818 - nothing failed: it is an answer
    """A request is not taken; `says` names the expected form and never repeats what was sent."""

    def __init__(
        self, status: int, says: str, path: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(says)
        self.status = status
        self.says = says
        self.path = path
        """FHIRPath of the element, where there is one to blame."""
        self.headers = dict(headers or {})

    @property
    def code(self) -> str:
        """The code of OperationOutcome.issue."""
        return _ISSUE_CODES.get(self.status, "exception" if self.status >= 500 else "invalid")


def try_again(says: str, seconds: float) -> Refusal:
    """Nothing is wrong with the request: it may be sent again after so long."""
    return Refusal(503, says, headers={"Retry-After": str(max(1, round(seconds)))})
