"""Whether a curve grows."""

from __future__ import annotations

from random import Random

from tests.benchmark.soak.slopes import slope

HOUR = 3600.0
EVERY = 15.0


def _curve(per_hour: float, noise: float) -> list[tuple[float, float]]:
    chance = Random(7)
    return [(t * EVERY, 100 + per_hour * t * EVERY / HOUR + chance.gauss(0, noise)) for t in range(241)]


def test_noise_does_not_grow() -> None:
    """An hour of noise around one value: its interval holds zero."""
    found = slope(_curve(0.0, noise=3.0))
    assert found.low < 0 < found.high
    assert not found.grows(0.0)


def test_a_leak_under_noise_is_found() -> None:
    """Ten a hour under noise of three: found, and about right."""
    found = slope(_curve(10.0, noise=3.0))
    assert found.grows(5.0)
    assert 8 < found.per_hour < 12


def test_growth_of_no_importance_is_tolerated() -> None:
    """Less than what matters is said, but is no fault."""
    found = slope(_curve(1.0, noise=0.01))
    assert found.low > 0
    assert not found.grows(5.0)


def test_what_fills_at_the_beginning_is_no_growth() -> None:
    """A cache that fills in the first minutes and stays."""
    assert not slope([(t * EVERY, min(t, 20) * 5.0) for t in range(241)]).grows(0.0)


def test_too_few_samples_prove_nothing() -> None:
    """Two points have a line, and no confidence in it."""
    assert not slope([(0.0, 1.0), (15.0, 900.0)]).grows(0.0)
