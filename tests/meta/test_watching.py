"""Alerts, dashboards and the runbook: of metrics that there are, each explained, none with an identifier in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from shared.runtime.metric_table import CATALOGUE
from tests.support import dashboards

ROOT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RUNBOOK: Final = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
KNOWN: Final = {m.name: m for m in CATALOGUE}
SHOWN: Final = {*(label for m in CATALOGUE for label in m.labels), "instance"}
ASPECTS: Final = ("**Means**", "**Look at**", "**Do**")


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("rule", _rules(), ids=lambda r: r["alert"])
def test_an_alert_is_of_metrics_that_there_are_and_has_its_page(rule: dict[str, Any]) -> None:
    """A severity, a summary that quotes labels only, and a section of the runbook with its three parts."""
    assert dashboards.named_in(rule["expr"]) <= set(KNOWN)
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= SHOWN
    name = rule["alert"]
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    section = RUNBOOK.partition(f"### {name}\n")[2].partition("\n#")[0]
    assert [aspect for aspect in ASPECTS if aspect not in section] == []


def test_the_runbook_explains_no_alert_that_there_is_not() -> None:
    """And each alert has unit tests: when it fires, and when it does not."""
    names = {rule["alert"] for rule in _rules()}
    assert set(re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)) == names
    tests = yaml.safe_load((PROMETHEUS / "alerts-test.yaml").read_text(encoding="utf-8"))["tests"]
    fired = {t["alertname"] for test in tests for t in test["alert_rule_test"] if t["exp_alerts"]}
    assert fired == names


@pytest.mark.parametrize(("place", "expression"), list(dashboards.expressions()), ids=lambda v: v[:40])
def test_a_panel_shows_metrics_that_there_are(place: str, expression: str) -> None:
    """Of the catalogue, and grouped by labels that they have."""
    named = dashboards.named_in(expression)
    assert named <= set(KNOWN), place
    has = {"le", "instance", "alertname", *(label for name in named for label in KNOWN[name].labels)}
    grouped = {w.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for w in group.split(",")}
    assert grouped <= has, place


def test_every_metric_of_the_catalogue_is_on_a_dashboard_or_in_an_alert() -> None:
    """All but those that only explain another one, which are named here."""
    used = {n for _, e in dashboards.expressions() for n in dashboards.named_in(e)}
    used |= {n for rule in _rules() for n in dashboards.named_in(rule["expr"])}
    explaining = {
        *("graftwatch_feed_newest_processed_timestamp_seconds", "graftwatch_patient_links_not_followed_total"),
        "graftwatch_records_read_again_total",
        *("graftwatch_evaluation_failures_total", "graftwatch_trial_figures_seconds"),
        *("graftwatch_hints_unreadable_total", "graftwatch_intake_seconds", "graftwatch_intake_in_flight"),
        *("graftwatch_console_acts_published_total", "graftwatch_trace_spans_total"),
    }
    assert set(KNOWN) - used == explaining


def test_the_dashboards_are_as_their_table_says() -> None:
    """`make generate` writes them."""
    assert dashboards.stale() == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="`make check-alerts` installs promtool and runs this")
def test_promtool_accepts_rules_and_expressions(tmp_path: Path) -> None:
    """The configuration is sound, every rule fires and does not as its tests say, every panel's expression can be read."""
    shown = tmp_path / "dashboards.yaml"
    shown.write_text(dashboards.rules())
    for command in (
        ("check", "config", str(PROMETHEUS / "prometheus.yaml")),
        ("test", "rules", str(PROMETHEUS / "alerts-test.yaml")),
        ("check", "rules", str(shown)),
    ):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
