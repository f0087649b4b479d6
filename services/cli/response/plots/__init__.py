"""The trial's plots as inline SVG: waterfall, spider, swimmer, Kaplan-Meier. They show; they decide nothing."""

from services.cli.response.plots.spider import spider
from services.cli.response.plots.survival import survival
from services.cli.response.plots.swimmer import swimmer
from services.cli.response.plots.waterfall import waterfall

__all__ = ["spider", "survival", "swimmer", "waterfall"]
