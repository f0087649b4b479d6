"""The `graftwatch` command. Decides nothing: each command is in its own module."""

from __future__ import annotations

import sys

import typer

from services.cli import installation, offline, story
from services.cli.demo.commands import demo
from services.cli.simulate.commands import simulate
from services.cli.stack import StackError
from services.cli.stack.commands import Plan, stack_app
from shared.sites import ConfigurationError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Graftwatch: eligibility, tumour response, graft rejection and serious adverse events from hospitals' FHIR feeds.",
)
app.add_typer(stack_app, name="stack")
app.command()(demo)
app.command()(simulate)
app.command()(offline.check)
app.command()(offline.screen)
app.command()(story.timeline)
app.command()(installation.start)
app.command(name="env")(installation.environment)
app.command(name="migrate")(installation.migrate_command)


@app.callback()
def _prepare(context: typer.Context) -> None:
    context.obj = Plan(topics=installation.topic_specs(), prepare=installation.prepare)


def main() -> None:
    """Run the command line; what a user can put right is said in words, without a traceback."""
    try:
        app()
    except (StackError, ConfigurationError) as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has closed it: nothing is wrong
