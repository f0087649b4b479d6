"""Decides how the cohort is written to files (`graftwatch simulate --as-of DATE --out DIR`); simulates nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from services.cli.simulate.cohort import DEFAULT_SEED
from services.cli.simulate.cohort import simulate as simulate_cohort
from services.cli.simulate.model import FeedMessage, Simulation

FEED_FILE: Final = "feed.ndjson"
EXPECTED_FILE: Final = "expected.json"


def simulate(
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The date on which the cohort is evaluated.")
    ],
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="The folder to write to.")],
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another order of delivery.")] = DEFAULT_SEED,
) -> None:
    """Write the simulated trial cohort: the feed of two hospitals, and what must be said of each patient."""
    simulation = simulate_cohort(as_of.date(), seed)
    try:
        write(simulation, out)
    except OSError as error:
        typer.echo(f"{out}: cannot be written: {error.strerror}. Give another folder with --out.", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"{len(simulation.messages)} messages of {len(simulation.expected)} patients in {out / FEED_FILE}; "
        f"what must be said of them in {out / EXPECTED_FILE}"
    )


def write(simulation: Simulation, out: Path) -> None:
    """Write `feed.ndjson` (a message a line, in order of delivery) and `expected.json`."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / FEED_FILE).open("wb") as feed:
        feed.writelines(msgspec.json.encode(message) + b"\n" for message in feed_lines(simulation))
    expected = msgspec.json.format(msgspec.json.encode(expectations(simulation)), indent=2)
    (out / EXPECTED_FILE).write_bytes(expected + b"\n")


def feed_lines(simulation: Simulation) -> Iterator[dict[str, Any]]:
    """Each message as JSON: its value as text, or as base64 where it is no text; null deletes."""
    for message in simulation.messages:
        yield {
            "topic": message.topic,
            "key": None if message.key is None else message.key.decode(),
            "headers": {name: value.decode() for name, value in message.headers},
            "phase": message.phase,
            "delivers": message.delivers,
            **_value(message),
        }


def expectations(simulation: Simulation) -> dict[str, Any]:
    """What must come of the feed and of each patient."""
    return {
        "as_of": simulation.as_of.isoformat(),
        "seed": simulation.seed,
        "feed": simulation.expected_feed.as_json(),
        "patients": [patient.as_json() for patient in simulation.expected],
    }


def _value(message: FeedMessage) -> dict[str, Any]:
    if message.value is None:
        return {"value": None}
    try:
        return {"value": message.value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(message.value).decode()}
