"""The `graftwatch` command. Decides nothing: each command is in its own module."""

from __future__ import annotations

import os
import sys

import typer

from services.cli import coverage, installation, offline, quality, story, topics
from services.cli.audit import audit_app
from services.cli.crosswalk import crosswalk_app
from services.cli.dead_letters.commands import dead_letters_app
from services.cli.dead_letters.sites import sites_app
from services.cli.demo.commands import demo
from services.cli.eligibility.attrition import attrition
from services.cli.eligibility.expiring import expiring
from services.cli.eligibility.explain import explain
from services.cli.eligibility.fhir import fhir_app
from services.cli.eligibility.protocols import protocol_app
from services.cli.eligibility.rescreen import rescreen
from services.cli.load.commands import load
from services.cli.notify.commands import notify_app, recipients_app
from services.cli.removal import erase, purge, retention
from services.cli.response.derive import response
from services.cli.response.export import export
from services.cli.response.live import figures
from services.cli.response.report import report
from services.cli.roles import roles
from services.cli.safety.export import safety_export
from services.cli.safety.grade import grade
from services.cli.safety.report import safety_report
from services.cli.simulate.commands import simulate
from services.cli.stack import StackError
from services.cli.stack.commands import Plan, stack_app
from services.cli.status.commands import status
from shared.runtime import secret_files
from shared.runtime.notify_settings import NotifySettings
from shared.runtime.settings import ConsoleSettings, IngestSettings
from shared.sites import ConfigurationError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Graftwatch: eligibility, tumour response, graft rejection and serious adverse events from hospitals' FHIR feeds.",
)
app.add_typer(stack_app, name="stack")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(sites_app, name="sites")
app.add_typer(recipients_app, name="recipients")
app.add_typer(notify_app, name="notify")
app.add_typer(audit_app, name="audit")
app.add_typer(crosswalk_app, name="crosswalk")
app.command()(status)
app.command()(demo)
app.command()(simulate)
app.command()(load)
app.command()(offline.check)
app.command()(offline.screen)
app.command()(story.timeline)
app.command()(quality.unmapped)
app.command()(coverage.refill)
app.command(name="coverage")(coverage.show_coverage)
app.command(name="data-quality")(quality.data_quality)
app.command()(response)
app.command()(report)
app.command()(figures)
app.command()(export)
app.command()(explain)
app.command()(attrition)
app.command()(expiring)
app.command()(rescreen)
app.add_typer(protocol_app, name="protocol")
app.add_typer(fhir_app, name="fhir")
app.command()(grade)
app.command()(safety_report)
app.command()(safety_export)
app.command()(installation.start)
app.command(name="env")(installation.environment)
app.command(name="migrate")(installation.migrate_command)
app.command(name="topics")(topics.create)
app.command()(roles)
app.command()(erase)
app.command()(purge)
app.command()(retention)


@app.callback()
def _prepare(context: typer.Context) -> None:
    context.obj = Plan(topics=installation.topic_specs(), prepare=installation.prepare)


def main() -> None:
    """Run the command line; what a user can put right is said in words, without a traceback."""
    try:
        for kind in (IngestSettings, ConsoleSettings, NotifySettings):  # between them, every secret
            secret_files.spell_out(os.environ, secret_files.secrets_of(kind))
        app()
    except (StackError, ConfigurationError) as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has closed it: nothing is wrong
