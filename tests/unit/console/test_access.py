"""Who may do what in the console, and what a staff file must say."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.console import staff
from services.console.access import RIGHTS, Grant, Person, Right, Role
from shared.sites import ConfigurationError

STUDY = "trial"


def person(*grants: Grant) -> Person:
    """Somebody with these grants."""
    return Person("somebody", "Somebody", "practitioner-1", grants)


def test_a_right_holds_in_its_study_and_site_only() -> None:
    """An investigator of one site is nobody at another, and nobody in another study."""
    here = person(Grant(STUDY, "north", Role.INVESTIGATOR))
    assert here.may(Right.JUDGE, STUDY, "north")
    assert not here.may(Right.JUDGE, STUDY, "south")
    assert not here.may(Right.JUDGE, "another", "north")
    assert here.sites(Right.SEE_PATIENTS, STUDY, ["north", "south"]) == ("north",)


def test_a_star_means_every_site_or_study() -> None:
    """A safety officer of all sites sees all of them."""
    everywhere = person(Grant(STUDY, "*", Role.SAFETY_OFFICER))
    assert everywhere.sites(Right.ASSESS, STUDY, ["north", "south"]) == ("north", "south")
    assert everywhere.studies(["another", STUDY]) == (STUDY,)


def test_a_monitor_only_reads_and_an_administrator_sees_no_patient() -> None:
    """The two roles that are no part of care."""
    acts = {Right.ANSWER, Right.ATTEST, Right.ENROL, Right.JUDGE, Right.ASSESS, Right.REPLAY}
    assert not RIGHTS[Role.MONITOR] & acts
    assert Right.SEE_PATIENTS not in RIGHTS[Role.ADMINISTRATOR]


def test_no_role_brings_the_right_to_re_identify() -> None:
    """It is granted by name, beside a role."""
    assert all(Right.REIDENTIFY not in rights for rights in RIGHTS.values())
    named = person(Grant(STUDY, "north", Role.COORDINATOR, reidentify=True))
    assert named.may(Right.REIDENTIFY, STUDY, "north")
    assert not named.may(Right.REIDENTIFY, STUDY, "south")


def test_roles_of_two_sites_do_not_mix() -> None:
    """A monitor at one site and investigator at another judges at the latter only."""
    both = person(Grant(STUDY, "north", Role.MONITOR), Grant(STUDY, "south", Role.INVESTIGATOR))
    assert both.sites(Right.SEE_PATIENTS, STUDY, ["north", "south"]) == ("north", "south")
    assert both.sites(Right.JUDGE, STUDY, ["north", "south"]) == ("south",)


def test_a_staff_file_names_all_its_faults(tmp_path: Path) -> None:
    """An unknown study, an unknown site and a person named twice, in one message."""
    path = tmp_path / "staff.yaml"
    one = "{person: p, name: P, practitioner: p, grants: [{study: elsewhere, site: moon, role: monitor}]}"
    path.write_text(f"people: [{one}, {one}]")
    with pytest.raises(ConfigurationError) as error:
        staff.load(path, [STUDY], ["north"])
    assert all(part in str(error.value) for part in ("'elsewhere'", "'moon'", "named twice"))


@pytest.mark.parametrize("content", ["people: [{person: p}]", "people: {", "peeple: []", "people: [{role: king}]"])
def test_a_malformed_staff_file_is_refused(tmp_path: Path, content: str) -> None:
    """Missing and unknown keys, and what is no YAML."""
    path = tmp_path / "staff.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"staff\.yaml"):
        staff.load(path, [STUDY], ["north"])


def test_roles_may_come_as_claims() -> None:
    """`study/site/role`, with re-identification where stated; claims of other applications are passed over."""
    found = staff.from_claims("a|b", "A B", ["trial/north/investigator+reidentify", "mail-admin", "x/y/king"])
    assert found.grants == (Grant("trial", "north", Role.INVESTIGATOR, reidentify=True),)
    assert found.practitioner == "a-b"


def test_the_staff_file_of_the_demonstration_is_sound() -> None:
    """Every role is there, and each site has people of its own."""
    loaded = staff.load(
        Path("deploy/console/staff.yaml"), ["camrelizumab-hcc-transplant"], ["general", "north", "south"]
    )
    roles = {g.role for p in loaded.people.values() for g in p.grants}
    assert roles == set(Role)
