"""Forms of the console: given out by this session for this act, and not too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.console import forms
from services.console.forms import Fault, Form

KEY, OTHER = b"k" * 32, b"o" * 32
AT = datetime(2025, 6, 30, 12, 0, tzinfo=UTC)


def test_a_form_comes_back_to_the_act_it_was_made_for() -> None:
    """Its id and time are known again."""
    taken = forms.take_back(KEY, "/act", forms.give_out(KEY, "/act", AT), AT + timedelta(hours=1))
    assert isinstance(taken, Form)
    assert taken.made_at == AT


def test_a_form_serves_no_other_act_and_no_other_session() -> None:
    """Moved to another path, or under another key, it is forged."""
    token = forms.give_out(KEY, "/act", AT)
    assert forms.take_back(KEY, "/other", token, AT) is Fault.FORGED
    assert forms.take_back(OTHER, "/act", token, AT) is Fault.FORGED


def test_a_form_expires_after_twelve_hours() -> None:
    """Exactly twelve hours old it still counts."""
    token = forms.give_out(KEY, "/act", AT)
    assert isinstance(forms.take_back(KEY, "/act", token, AT + timedelta(hours=12)), Form)
    assert forms.take_back(KEY, "/act", token, AT + timedelta(hours=12, seconds=1)) is Fault.EXPIRED


@pytest.mark.parametrize(
    "change", ["", "x", "a.b.c", "a.b", "00000000-0000-0000-0000-000000000000.99999999999999999.x", "é.1.é"]
)
def test_anything_else_is_forged(change: str) -> None:
    """Whatever is sent in place of a token."""
    assert forms.take_back(KEY, "/act", change, AT) is Fault.FORGED


def test_changing_any_part_makes_it_forged() -> None:
    """Id, time and signature hang together."""
    form, stamp, signature = forms.give_out(KEY, "/act", AT).split(".")
    other = forms.give_out(KEY, "/act", AT).split(".")[0]
    for token in (
        f"{other}.{stamp}.{signature}",
        f"{form}.{int(stamp) + 1}.{signature}",
        f"{form}.{stamp}.{signature[:-1]}",
    ):
        assert forms.take_back(KEY, "/act", token, AT) is Fault.FORGED


def test_two_forms_of_one_act_are_two() -> None:
    """Each can be used once."""
    assert forms.give_out(KEY, "/act", AT) != forms.give_out(KEY, "/act", AT)
