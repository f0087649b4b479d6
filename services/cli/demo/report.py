"""Shows the demonstration's result as tables in the terminal. Decides nothing."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from services.cli.demo.summary import Summary

_SHOWN = 20


def show(summary: Summary, console: Console) -> None:
    """All tables, the verdict last."""
    console.print(_feed(summary))
    console.print(_conclusions(summary))
    console.print(_latency(summary))
    _agreement(summary, console)


def _feed(summary: Summary) -> Table:
    table = Table(title="The feed: what became of every delivered resource", title_justify="left")
    table.add_column("site")
    for outcome in summary.feed:
        table.add_column(outcome.replace("_", " "), justify="right")
    for site, counts in summary.feed_by_site.items():
        table.add_row(site or "(none named)", *(f"{n:,}" for n in counts.values()))
    table.add_section()
    table.add_row("all", *(f"{n:,}" for n in summary.feed.values()))
    return table


def _conclusions(summary: Summary) -> Table:
    table = Table(title=f"What was concluded, as of {summary.as_of}", title_justify="left")
    table.add_column("of")
    table.add_column("conclusion")
    table.add_column("number", justify="right")
    groups = {
        "screening status": summary.screening,
        "visit response": summary.response["visits"],
        "best response": summary.response["best_unconfirmed"],
        "best response, confirmed": summary.response["best_confirmed"],
        "graft rejection": summary.safety["rejection"],
        "serious adverse event candidates": summary.safety["adverse_events"],
        "dead letters": summary.rejected_because,
        "events published": summary.events,
        "who was told": summary.told,
    }
    for group, counts in groups.items():
        for i, (name, n) in enumerate(counts.items()):
            table.add_row("" if i else group, name, f"{n:,}")
        table.add_section()
    return table


def _latency(summary: Summary) -> Table:
    table = Table(title="Seconds from publish to committed outcome", title_justify="left")
    for column in ("service", "outcomes", "p50", "p99"):
        table.add_column(column, justify="left" if column == "service" else "right")
    for service, latency in summary.latency_seconds.items():
        table.add_row(service, f"{latency.outcomes:,}", _seconds(latency.p50), _seconds(latency.p99))
    return table


def _agreement(summary: Summary, console: Console) -> None:
    agreement = summary.agreement
    for mismatch in agreement.mismatches[:_SHOWN]:
        console.print(
            f"[red]mismatch[/red] {mismatch['site']} {mismatch['patient']} ({mismatch['scenario']}) {mismatch['what']}: "
            f"expected {mismatch['expected']}, concluded {mismatch['concluded']}",
            highlight=False,
        )
    if len(agreement.mismatches) > _SHOWN:
        console.print(f"… and {len(agreement.mismatches) - _SHOWN} more in the summary file")
    for failure in summary.failures:
        console.print(f"[red]evaluation failed[/red] {failure}", highlight=False)
    if summary.unaccounted:
        console.print(f"[red]{summary.unaccounted} delivered resources are not accounted for[/red]")
    colour = "green" if summary.is_right else "red"
    console.print(
        f"[{colour}]{agreement.matched} of {agreement.checked} statements of the simulation matched[/{colour}]; "
        f"{summary.feed['published']:,} resources in {summary.seconds} s"
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
