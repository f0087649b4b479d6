"""The day of those who work at a site: coordinator and investigator, from the list to the record, through the real stack."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.support.browser import SOON_MS, Desk, case_of

SURVIVAL = "attestation: expected survival over 3 months"
SCRIPT = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'


def test_the_coordinators_day(desk: Callable[..., Desk]) -> None:
    """Sees who is eligible, finds out what is missing, takes a patient on, notes and enrols; the list follows by itself."""
    window = desk("coordinator-north")
    page = window.page
    expect(page.locator("#eligible tbody tr").first).to_be_visible()
    eligible = page.locator("#eligible tbody tr")
    patient = eligible.first.locator("a.patient").get_attribute("title")
    before = int(page.locator(".tiles li:nth-child(3) b").inner_text())

    window.study("screening")
    window.require_accessible()
    window.shoot("screening")
    page.locator("select[name=status]").select_option("potentially_eligible")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("status=potentially_eligible"))
    assert set(page.locator("td:first-child").all_inner_texts()) == {"◐ potentially eligible"}
    page.get_by_role("link", name="I10", exact=True).click()
    page.wait_for_url(re.compile("criterion=I10"))
    window.study("screening/attrition")
    window.require_accessible()
    window.shoot("attrition")

    window.study(f"patients/{patient}/act")
    window.require_accessible()
    page.get_by_label("Looked after by").select_option("coordinator-north")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator("p.done")).to_contain_text("Looked after by")
    window.study(f"patients/{patient}/act")
    page.get_by_label("Add a comment").fill(f"Asked to come on Thursday. {SCRIPT}")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator("p.done")).to_contain_text("Noted")
    window.study(f"patients/{patient}/act")
    expect(page.locator("#acts")).to_contain_text("<script>window.ran=1</script>")
    assert page.evaluate("window.ran") is None
    page.locator("summary", has_text="Screening").click()
    page.get_by_role("button", name="Enrol").click()
    expect(page.locator("p.done")).to_contain_text("Recorded: enrolled")

    window.study("today")
    expect(page.locator(".tiles li:nth-child(3) b")).to_have_text(str(before - 1), timeout=SOON_MS)
    expect(page.locator("#eligible")).not_to_contain_text(str(patient)[:8])
    window.shoot("today-after-enrolment")


def test_the_investigators_attestation_makes_a_patient_eligible_until_it_is_withdrawn(
    desk: Callable[..., Desk],
) -> None:
    """The one test that was missing: stated on the page, read by ingest, decided by eligibility, shown again; and taken back."""
    window = desk("investigator-south")
    page = window.page
    window.study(f"screening?missing={SURVIVAL.replace(' ', '+')}")
    patient = page.locator("tbody a.patient").first.get_attribute("title")
    window.study(f"patients/{patient}/act")
    page.locator("summary", has_text="I10").click()
    window.shoot("attest")
    window.require_accessible()
    form = page.locator("details[open] form")
    form.get_by_role("button", name="Attest").click()
    expect(page.locator("p.done")).to_contain_text("Recorded: attested")
    window.study(f"patients/{patient}/act")
    heading = page.locator("summary", has_text="Screening")
    window.until_shown(page.locator("summary", has_text="Screening").filter(has_text="● eligible"))
    expect(heading).to_contain_text("eligible")
    expect(heading).not_to_contain_text("potentially")

    stated = page.locator("ul.log li", has=page.locator("summary", has_text="Withdraw"))
    stated.locator("summary", has_text="Withdraw").click()
    stated.locator("textarea").fill("stated of another patient")
    window.require_accessible()
    stated.get_by_role("button", name="Withdraw").click()
    expect(page.locator("p.done")).to_contain_text("Withdrawn:")
    window.study(f"patients/{patient}/act")
    window.until_shown(page.locator("summary", has_text="Screening").filter(has_text="◐ potentially eligible"))


def test_the_investigator_confirms_a_case_and_must_say_why_one_is_refuted(desk: Callable[..., Desk]) -> None:
    """A refutation without a reason is not taken; a confirmation shows on the safety page within seconds."""
    window = desk("investigator-north")
    page = window.page
    window.study("safety?status=candidate")
    mine = case_of(page.locator("#cases article").first)
    case = page.locator(mine)
    case.locator("summary", has_text="Review").click()
    window.require_accessible()
    window.shoot("review")
    case.get_by_role("button", name="Refute the case").click()
    expect(page.get_by_role("alert")).to_contain_text("needs a reason")
    window.shoot("refused-without-reason")

    window.study("safety?status=candidate")
    case.locator("summary", has_text="Review").click()
    case.get_by_role("button", name="Confirm the case").click()
    expect(page.locator("p.done")).to_contain_text("Recorded: confirmed")
    window.study("safety?status=confirmed")
    window.until_shown(case)
    expect(case).to_contain_text("✓ confirmed")
    window.shoot("safety-confirmed")


def test_whom_a_pseudonym_names_is_shown_with_a_reason_only(desk: Callable[..., Desk]) -> None:
    """The investigator may, and says why; the coordinator may not."""
    window = desk("investigator-north")
    page = window.page
    window.study("screening")
    patient = page.locator("tbody a.patient").first.get_attribute("title")
    window.study(f"patients/{patient}/identity")
    window.require_accessible()
    page.get_by_label("Reason").fill("The patient must be called back today.")
    page.get_by_role("button", name="Show whom this pseudonym names").click()
    expect(page.locator("#who-h")).to_contain_text("of north")
    window.shoot("re-identified")
    other = desk("coordinator-north")
    assert other.study(f"patients/{patient}/identity") == 403


def test_of_two_people_on_one_case_the_second_is_told(desk: Callable[..., Desk]) -> None:
    """Both have the page open; one is quicker."""
    first, second = desk("investigator-south"), desk("investigator-south")
    for window in (first, second):
        window.study("safety?status=candidate")
    mine = case_of(first.page.locator("#cases article").first)
    for window in (first, second):
        window.page.locator(mine).locator("summary", has_text="Review").click()
    first.page.locator(mine).get_by_role("button", name="Related (investigator)", exact=True).click()
    expect(first.page.locator("p.done")).to_contain_text("assessed as related")
    second.page.locator(mine).get_by_role("button", name="Confirm the case").click()
    alert = second.page.get_by_role("alert")
    expect(alert).to_contain_text("Investigator, south: assessed as related")
    expect(alert).to_contain_text("Nothing of yours was recorded")
    second.require_accessible()
    second.shoot("second-is-told")


def test_another_sites_patient_is_refused_and_the_audit_has_it(desk: Callable[..., Desk]) -> None:
    """By its address; the monitor finds the refusal."""
    south = desk("coordinator-south")
    south.study("screening")
    patient = south.page.locator("tbody a.patient").first.get_attribute("title")
    north = desk("coordinator-north")
    assert north.study(f"patients/{patient}/act") == 403
    expect(north.page.get_by_role("alert")).to_contain_text("another study or site")
    north.shoot("another-sites-patient")
    monitor = desk("monitor")
    monitor.study(f"audit?outcome=refused&patient={patient}")
    expect(monitor.page.locator("tbody tr").first).to_contain_text("coordinator-north")
    monitor.require_accessible()
