"""The few SVG elements and the axes that the plots are made of. Knows no patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final
from xml.sax.saxutils import escape

COLOUR: Final = {
    "CR": "#1b7837",
    "PR": "#7fbf7b",
    "SD": "#4393c3",
    "NON-CR/NON-PD": "#92c5de",
    "PD": "#d6604d",
    "NE": "#999999",
}
"""By best response; distinguishable with the common colour-vision deficiencies, and always beside a word."""
INK: Final = "#222222"
GREY: Final = "#6b6b6b"
FAINT: Final = "#dddddd"
PROGRESSED: Final = "#762a83"
THERAPY: Final = "#e08214"


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

    @property
    def end(self) -> float:
        """The right end of the plotted area."""
        return self.width - self.right

    @property
    def base(self) -> float:
        """The lower end of the plotted area."""
        return self.height - self.bottom


def drawing(frame: Frame, title: str, says: str, parts: Iterable[str]) -> str:
    """The whole plot; title and description are what is read aloud."""
    size = f'viewBox="0 0 {frame.width:g} {frame.height:g}" width="{frame.width:g}" height="{frame.height:g}"'
    spoken = f"<title>{escape(title)}</title><desc>{escape(says)}</desc>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{spoken}{"".join(parts)}</svg>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, dash: str = "", width: float = 1) -> str:
    """A straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def box(x: float, y: float, width: float, height: float, colour: str, says: str) -> str:
    """A filled bar that says what it is when pointed at."""
    area = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{max(height, 1):.1f}"'
    return f'<rect {area} fill="{colour}"><title>{escape(says)}</title></rect>'


def words(x: float, y: float, said: str, anchor: str = "middle", turn: bool = False, strong: bool = False) -> str:
    """A label; turned for narrow places."""
    turned = f' transform="rotate(-90 {x} {y})"' if turn else ""
    heavy = ' font-weight="600"' if strong else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{turned}{heavy}>{escape(said)}</text>'


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
    """A sign at one place: circle, triangle, diamond, square, cross, arrow or dot."""
    shapes = {
        "circle": f"M{x - 4},{y} a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0",
        "dot": f"M{x - 2.5},{y} a2.5,2.5 0 1,0 5,0 a2.5,2.5 0 1,0 -5,0",
        "triangle": f"M{x},{y - 5} l5,9 h-10 z",
        "diamond": f"M{x},{y - 5.5} l5.5,5.5 l-5.5,5.5 l-5.5,-5.5 z",
        "square": f"M{x - 4},{y - 4} h8 v8 h-8 z",
        "cross": f"M{x - 4},{y - 4} l8,8 m0,-8 l-8,8",
        "arrow": f"M{x},{y} h9 m-4,-4 l4,4 l-4,4",
    }
    drawn = shape in ("cross", "arrow")
    style = f'fill="none" stroke="{colour}" stroke-width="2"' if drawn else f'fill="{colour}" stroke="white"'
    return f'<path d="{shapes[shape]}" {style}><title>{escape(says)}</title></path>'


def months_axis(frame: Frame, label: str = "months since the first dose") -> str:
    """Ticks every 3 or more months along the bottom."""
    parts = [line(frame.left, frame.base, frame.end, frame.base)]
    parts += [
        line(frame.x(t), frame.base, frame.x(t), frame.base + 4) + words(frame.x(t), frame.base + 17, str(t))
        for t in month_ticks(frame.x_to)
    ]
    return "".join(parts) + words((frame.left + frame.end) / 2, frame.base + 34, label)


def month_ticks(months: float) -> range:
    """Months to tick: multiples of 3, about ten of them at most."""
    return range(0, int(months) + 1, max(3, 3 * ceil(months / 30)))


def value_axis(frame: Frame, ticks: Iterable[float], label: str, form: str = "{:g}") -> str:
    """Ticks along the left side, with faint lines across."""
    parts = [
        line(frame.left, frame.y(t), frame.end, frame.y(t), FAINT, width=0.5)
        + words(frame.left - 6, frame.y(t) + 4, form.format(t), "end")
        for t in ticks
    ]
    return "".join(parts) + words(14, (frame.top + frame.base) / 2, label, turn=True)


def threshold(frame: Frame, value: float, says: str, left: bool = False) -> str:
    """A dashed line across with its meaning above the right end, or the left one."""
    y = frame.y(value)
    said = words(frame.left + 4, y + 12, says, "start") if left else words(frame.end - 2, y - 4, says, "end")
    return line(frame.left, y, frame.end, y, GREY, dash="5 4") + said


def legend(frame: Frame, entries: Sequence[tuple[str, str]], y: float = 2) -> str:
    """Coloured squares with words, along the top."""
    parts, x = [], frame.left
    for word, colour in entries:
        parts.append(box(x, y, 10, 10, colour, word) + words(x + 14, y + 9, word, "start"))
        x += 26 + 7 * len(word)
    return "".join(parts)


def signs(frame: Frame, entries: Sequence[tuple[str, str, str]], y: float) -> str:
    """Marks (shape, colour, word) with words, along the top."""
    parts, x = [], frame.left + 6
    for shape, colour, word in entries:
        parts.append(mark(x, y, shape, colour, word) + words(x + 12, y + 4, word, "start"))
        x += 30 + 6.4 * len(word)
    return "".join(parts)
