"""Marked identifiers through the whole system: nothing that it writes outside `identity` has one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from services.cli.simulate import simulate
from services.cli.simulate.model import FeedMessage as Simulated
from services.cli.stack import Stack
from shared import topics
from shared.runtime import status
from tests.support import process
from tests.support.database import Database, eventually
