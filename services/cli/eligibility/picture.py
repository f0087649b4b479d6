"""The flow of patients through a trial's screening as a picture (SVG), as trial reports draw it. Decides nothing."""

from __future__ import annotations

from textwrap import wrap
from typing import Final
from xml.sax.saxutils import escape

from services.eligibility.attrition import Attrition, CriterionCount
from services.eligibility.status import (
    ELIGIBLE,
    INELIGIBLE,
    NOT_CANDIDATE,
    OFF_STUDY,
    ON_TREATMENT,
    POTENTIALLY_ELIGIBLE,
)

WIDTH: Final = 960
_MAIN: Final = 40
_SIDE: Final = 460
_LINE: Final = 20
_GAP: Final = 28
_PADDING: Final = 14
_LONGEST: Final = 72
"""Characters of a line, of this width at most; what is longer goes on in the next."""
_INDENT: Final = "\u2003\u2003"
_BOX: Final = 'fill="#ffffff" stroke="#2f3b4a" rx="4"'


def draw(counted: Attrition) -> str:
    """Boxes down the middle for who remains, boxes beside them for who left and why."""
    lost = [f"{n:,} without evidence of {what}" for what, n in counted.lacking.items()]
    apart = counted.statuses[ON_TREATMENT] + counted.statuses[OFF_STUDY]
    steps = [
        (_box(f"{counted.patients:,} patients"), _box(f"{counted.statuses[NOT_CANDIDATE]:,} no candidates", lost)),
        (
            _box(f"{counted.patients - counted.statuses[NOT_CANDIDATE]:,} candidates"),
            _box(f"{apart:,} no longer screened", _left(counted)),
        ),
        (
            _box(f"{counted.screened:,} being screened"),
            _box(f"{counted.statuses[INELIGIBLE]:,} ineligible", [_reason(c) for c in counted.criteria if c.fails]),
        ),
        (
            _box(f"{counted.statuses[ELIGIBLE] + counted.statuses[POTENTIALLY_ELIGIBLE]:,} with no failed criterion"),
            _box(
                f"{counted.statuses[POTENTIALLY_ELIGIBLE]:,} undecided",
                [_open(c) for c in counted.criteria if _is_open(c)],
            ),
        ),
        (_box(f"{counted.statuses[ELIGIBLE]:,} eligible"), []),
    ]
    return _drawn(f"{counted.title} ({counted.protocol}, version {counted.version})", steps)


def _box(head: str, lines: list[str] | None = None) -> list[str]:
    return [head, *(part for line in lines or [] for part in wrap(line, _LONGEST, subsequent_indent=_INDENT))]


def _left(counted: Attrition) -> list[str]:
    on_treatment, off_study = counted.statuses[ON_TREATMENT], counted.statuses[OFF_STUDY]
    return [f"{on_treatment} on treatment", f"{off_study} off study"]


def _reason(c: CriterionCount) -> str:
    return f"{c.id} {c.fails:,} (only this: {c.fails_only_this}): {c.title}"


def _open(c: CriterionCount) -> str:
    return f"{c.id} {c.unknown + c.conflict:,} open (only this: {c.stands_alone}): {c.title}"


def _is_open(c: CriterionCount) -> bool:
    return c.unknown + c.conflict > 0


def _drawn(title: str, steps: list[tuple[list[str], list[str]]]) -> str:
    parts = [_text(_MAIN, 30, title, bold=True)]
    top, arrow_from = 50, None
    for main, side in steps:
        if arrow_from is not None:
            parts.append(_arrow(_MAIN + 150, arrow_from, _MAIN + 150, top))
        parts.append(_boxed(_MAIN, top, 300, main))
        if side:
            middle = top + _height(main) // 2
            parts.append(_arrow(_MAIN + 300, middle, _SIDE, middle))
            parts.append(_boxed(_SIDE, top, WIDTH - _SIDE - _MAIN, side))
        arrow_from = top + _height(main)
        top += max(_height(main), _height(side) if side else 0) + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
    marker = (
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#2f3b4a"/></marker></defs>'
    )
    style = 'font-family="sans-serif" font-size="13" fill="#17202b" role="img"'
    return "\n".join([f"{head} {style}>", f"<title>{escape(title)}</title>", marker, *parts, "</svg>\n"])


def _height(lines: list[str]) -> int:
    return len(lines) * _LINE + _PADDING


def _boxed(x: int, y: int, width: int, lines: list[str]) -> str:
    rows = [_text(x + _PADDING, y + _LINE * (place + 1), line, bold=place == 0) for place, line in enumerate(lines)]
    return "\n".join([f'<rect x="{x}" y="{y}" width="{width}" height="{_height(lines)}" {_BOX}/>', *rows])


def _text(x: int, y: int, text: str, *, bold: bool) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}"{weight}>{escape(text)}</text>'


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#2f3b4a" marker-end="url(#tip)"/>'
