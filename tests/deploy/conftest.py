"""A check whose tool cannot be had here is skipped, and says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.tools import UnobtainableError


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip, with the reason, what needs a tool that is not to be had."""
    try:
        return (yield)
    except UnobtainableError as error:
        pytest.skip(f"NOT CHECKED HERE: {error}")
