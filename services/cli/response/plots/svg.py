"""The few SVG elements and the axes that the plots are made of. Knows no patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final
from xml.sax.saxutils import escape, quoteattr

COLOUR: Final = {
    "CR": "#1b7837",
    "PR": "#5aae61",
    "SD": "#4393c3",
    "NON-CR/NON-PD": "#92c5de",
    "PD": "#d6604d",
    "NE": "#999999",
}
"""By best response; distinguishable with the common colour-vision deficiencies, and always beside a word."""
INK: Final = "#222222"
FAINT: Final = "#cccccc"


@dataclass(frozen=True)
class Frame:
    """A plot's area and what its axes mean."""

    width: float
    height: float
    x_from: float
    x_to: float
    y_from: float
    y_to: float
    left: float = 64
    right: float = 16
    top: float = 16
    bottom: float = 48

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        part = (value - self.x_from) / ((self.x_to - self.x_from) or 1)
        return round(self.left + part * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        """Vertical place of a value: larger is higher."""
        part = (value - self.y_from) / ((self.y_to - self.y_from) or 1)
        return round(self.height - self.bottom - part * (self.height - self.top - self.bottom), 1)


def drawing(frame: Frame, title: str, parts: Iterable[str]) -> str:
    """The whole plot; the title is what is read aloud."""
    size = f'viewBox="0 0 {frame.width:g} {frame.height:g}" width="{frame.width:g}"'
    return f'<svg {size} role="img" aria-label={quoteattr(title)}>{"".join(parts)}</svg>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, dash: str = "", width: float = 1) -> str:
    """A straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def box(x: float, y: float, width: float, height: float, colour: str, says: str) -> str:
    """A filled bar that says what it is when pointed at."""
    area = f'x="{x}" y="{y}" width="{max(width, 0.5):.1f}" height="{max(height, 0.5):.1f}"'
    return f'<rect {area} fill="{colour}"><title>{escape(says)}</title></rect>'


def words(x: float, y: float, said: str, anchor: str = "middle", turn: bool = False) -> str:
    """A label; turned for narrow places."""
    turned = f' transform="rotate(-90 {x} {y})"' if turn else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{turned}>{escape(said)}</text>'


def path(points: Sequence[tuple[float, float]], colour: str, says: str = "", width: float = 1.5) -> str:
    """A line through points."""
    joined = " ".join(f"{x},{y}" for x, y in points)
    title = f"<title>{escape(says)}</title>" if says else ""
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{width}">{title}</polyline>'


def area(points: Sequence[tuple[float, float]], colour: str) -> str:
    """A faint filled area."""
    joined = " ".join(f"{x},{y}" for x, y in points)
    return f'<polygon points="{joined}" fill="{colour}" fill-opacity="0.15"/>'


def mark(x: float, y: float, shape: str, colour: str, says: str) -> str:
    """A sign at one place: circle, triangle, square or cross."""
    shapes = {
        "circle": f"M{x - 4},{y} a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0",
        "triangle": f"M{x},{y - 5} l5,9 h-10 z",
        "square": f"M{x - 4},{y - 4} h8 v8 h-8 z",
        "cross": f"M{x - 4},{y - 4} l8,8 m0,-8 l-8,8",
    }
    return (
        f'<path d="{shapes[shape]}" fill="{colour}" stroke="{INK if shape == "cross" else "white"}" '
        f'stroke-width="{2 if shape == "cross" else 0.7}"><title>{escape(says)}</title></path>'
    )


def months_axis(frame: Frame, label: str = "months since the first dose") -> str:
    """Ticks every 3 or more months along the bottom."""
    base = frame.height - frame.bottom
    ticks = range(0, int(frame.x_to) + 1, month_step(frame.x_to))
    parts = [line(frame.left, base, frame.width - frame.right, base)]
    parts += [line(frame.x(t), base, frame.x(t), base + 4) + words(frame.x(t), base + 17, str(t)) for t in ticks]
    return "".join(parts) + words((frame.left + frame.width - frame.right) / 2, base + 36, label)


def month_step(months: float) -> int:
    """Months between two ticks: a multiple of 3 that leaves at most about ten."""
    return max(3, 3 * ceil(months / 30))


def value_axis(frame: Frame, ticks: Iterable[float], label: str, form: str = "{:g}") -> str:
    """Ticks along the left side, with faint lines across."""
    right = frame.width - frame.right
    parts = [
        line(frame.left, frame.y(t), right, frame.y(t), FAINT, width=0.5)
        + words(frame.left - 6, frame.y(t) + 4, form.format(t), "end")
        for t in ticks
    ]
    middle = (frame.top + frame.height - frame.bottom) / 2
    return "".join(parts) + words(14, middle, label, turn=True)


def legend(frame: Frame, entries: Sequence[tuple[str, str]]) -> str:
    """Coloured squares with words, along the top."""
    parts, x = [], frame.left
    for word, colour in entries:
        parts.append(box(x, 2, 10, 10, colour, word) + words(x + 14, 11, word, "start"))
        x += 26 + 7 * len(word)
    return "".join(parts)
