"""Garbage of a service is found soon, however much the service has loaded at its start: each case in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import gc, sys, weakref
from shared.runtime.memory import spare_what_stays

class Node: ...

loaded = [[n] for n in range(400_000)]  # what a service holds for as long as it lives
if sys.argv[1] == "spared":
    spare_what_stays()
else:
    gc.collect()
node = Node()
node.itself, gone = node, weakref.ref(node)
gc.collect(1)  # it outlives the younger collections, as what is in use for a while does
del node
for turn in range(400):  # some work, of which a little is kept
    kept = [[n] for n in range(1_000)]
print("found" if gone() is None else "left")
"""


@pytest.mark.parametrize(("spared", "expected"), [("spared", "found"), ("not spared", "left")])
def test_garbage_is_found_though_much_was_loaded(spared: str, expected: str) -> None:
    """A service that has spared what stays finds later garbage within its work; one that has not leaves it lying."""
    ran = subprocess.run([sys.executable, "-c", _PROGRAM, spared], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [expected]
