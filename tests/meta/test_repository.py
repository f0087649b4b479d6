"""The repository's own rules: nothing orphaned, nothing stale, nothing of one machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.metrics import MetricWrapperBase

from shared import events, topics
from shared.runtime import metrics, postgres
from shared.runtime.metric_table import CATALOGUE
from tests.support import log_events
from tests.support.generated import FOLDER, stale

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = sorted(p for folder in ("services", "shared") for p in (ROOT / folder).rglob("*.py"))
TESTS: Final = sorted((ROOT / "tests").rglob("*.py"))
SERVICES: Final = sorted(p.parent.name for p in (ROOT / "services").glob("*/__main__.py"))
TEXTS: Final = (".py", ".sql", ".yaml", ".yml", ".toml", ".md", ".xml", ".json", ".html", ".css", ".js")
UNTRACKED: Final = (".venv", ".git", ".graftwatch", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache")
SQL: Final = ROOT / "shared" / "runtime" / "sql"
PLANNED: Final = {"hospital"}
"""Producers and consumers outside this repository, or named in the architecture ahead of their service."""
SECTIONS: Final = ("Reads:", "Decides:", "Writes:", "Never:")


def test_every_topic_is_produced_and_consumed_by_something_there_is() -> None:
    """No topic names a service that does not exist."""
    named = {name for t in topics.ALL for name in (*t.producers, *t.consumers)}
    assert named <= {*SERVICES, *PLANNED}
    assert all(t.producers for t in topics.ALL)


def test_every_event_has_a_topic_and_every_decision_topic_an_event() -> None:
    """Neither events without a topic nor topics of decisions that carry none."""
    carried = set(events.TOPIC_OF.values())
    assert carried <= {t.name for t in topics.ALL}
    assert {t.name for t in topics.ALL if t.carries.startswith("CloudEvents")} == carried


def test_every_service_produces_only_events_of_its_own_topics() -> None:
    """An event type that a service makes belongs on a topic that names the service as its producer."""
    producers = {t.name: t.producers for t in topics.ALL}
    for kind, topic in events.TOPIC_OF.items():
        makers = {
            p.relative_to(ROOT).parts[1]
            for p in SOURCES
            if f"{kind.__name__}(" in p.read_text() and p.parts[-3] == "services"
        }
        assert makers, f"{kind.__name__} is never made"
        assert makers <= set(producers[topic]), kind.__name__


@pytest.mark.parametrize("path", sorted(SQL.glob("*.sql")), ids=lambda p: p.stem)
def test_every_named_query_is_used_and_every_used_one_exists(path: Path) -> None:
    """A query that nobody asks for is dead; one that does not exist fails only when it is asked for."""
    modules = [t for p in [*SOURCES, *TESTS] if f'queries("{path.stem}"' in (t := p.read_text())]
    assert modules, f"no module reads {path.name}"
    asked = {name for text in modules for name in _asked_for(text)}
    elsewhere = {n for other in SQL.glob("*.sql") if other != path for n in postgres.queries(other.stem)}
    defined = set(postgres.queries(path.stem))
    assert defined - asked == set()
    assert asked - defined - elsewhere == set()


def test_every_metric_is_measured() -> None:
    """A metric of the catalogue that nothing sets would read as zero for ever."""
    names = [name for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)]
    assert len(names) == len(CATALOGUE)
    text = "\n".join(p.read_text() for p in SOURCES if p.name != "metrics.py")
    assert [name for name in names if f"metrics.{name}" not in text] == []


def test_every_log_event_has_a_stable_name() -> None:
    """A literal in lower case with hyphens, listed in docs/generated/log-events.md: never a sentence with values in it."""
    names = [each.event for each in log_events.logged()]
    assert [name for name in names if name is None or not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []
    assert "site-paused" in names


def test_generated_documents_are_fresh() -> None:
    """`docs/generated` is what the code would write now (`make generate`)."""
    assert stale(ROOT / FOLDER) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_it_reads_decides_writes_and_never_does(service: str) -> None:
    """Its package docstring has the four sections."""
    said = ast.get_docstring(ast.parse((ROOT / "services" / service / "__init__.py").read_text())) or ""
    assert [section for section in SECTIONS if section not in said] == []


def test_every_module_and_every_test_says_what_it_is_for() -> None:
    """Modules of product and tests decide something and say what; each test states the behaviour."""
    assert [name for path in (*SOURCES, *TESTS) for name in _silent(path)] == []


def test_no_file_knows_this_machine() -> None:
    """No path of a machine, and nothing of the product reads what lies beside the checkout."""
    elsewhere = re.compile(r"/work/|/home/\w|/root/|\.\./shared\b")
    knowing = [
        str(path.relative_to(ROOT))
        for path in _texts()
        if path != Path(__file__) and elsewhere.search(path.read_text(encoding="utf-8"))
    ]
    assert [name for name in knowing if not name.startswith("tests/")] == []


def _texts() -> list[Path]:
    found = [p for p in ROOT.rglob("*") if not set(p.relative_to(ROOT).parts) & set(UNTRACKED)]
    return sorted(p for p in found if p.is_file() and (p.suffix in TEXTS or p.name == "Makefile"))


def _asked_for(text: str) -> set[str]:
    """Names of queries in a module: subscripts of what `queries` gave, and arguments of what looks them up."""
    direct = re.findall(r'(?:_?sql|queries\([^)]*\))\["(\w+)"\]', text)
    through = re.findall(r'_many\(\s*"(\w+)"', text)
    listed = re.findall(r'\("(\w+)", \[row for', text)
    return {*direct, *through, *listed}


def _silent(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    tests = [
        n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test_")
    ]
    undocumented = [node.name for node in tests if not ast.get_docstring(node)]
    if tree.body and not ast.get_docstring(tree):
        undocumented.append("the module")
    return [f"{path.relative_to(ROOT)}: {name}" for name in undocumented]
