"""Decides what a sound recipients file fails to reach: rules that match nobody or nothing, and events nobody is told of.

Warned at start and watched as a metric, never refused: a site may be named before it is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from services.notify.directory import Directory, Rule
from services.notify.urgency import HIGHEST, KINDS, Urgency


def warnings(directory: Directory, studies: Collection[str], sites: Collection[str], at: datetime) -> list[str]:
    """One sentence for each: what, and what to do."""
    if not directory.rules:
        return ["no rule: nobody is told of anything; see GRAFTWATCH_RECIPIENTS"]
    found = [w for rule in directory.rules for w in _of_rule(rule, directory, studies, sites, at)]
    return [*found, *_uncovered(directory, studies, sites, at)]


def _of_rule(
    rule: Rule, directory: Directory, studies: Collection[str], sites: Collection[str], at: datetime
) -> Iterator[str]:
    if not _reaches_anybody(rule, directory, at):
        yield f"rule {rule.name} matches nobody: {'`to` is empty' if not rule.to else 'all of its recipients have ended'}"
    for what, named, known in (("study", rule.studies, studies), ("site", rule.sites, sites)):
        unknown = sorted(set(named or ()) - set(known))
        if named is not None and len(unknown) == len(set(named)):
            yield f"rule {rule.name} matches nothing: no {what} {', '.join(unknown) or 'is named'} is configured"
        elif unknown:
            yield f"rule {rule.name}: no {what} {', '.join(unknown)} is configured"
    if not any(HIGHEST[kind].reaches(rule.urgency) for kind in (KINDS if rule.kinds is None else rule.kinds)):
        yield f"rule {rule.name} matches nothing: no event of its kinds is as urgent as {rule.urgency}"
    told = set(rule.to)
    for number, step in enumerate(rule.escalate, start=1):
        if set(step.to) <= told and set(step.by) <= set(rule.by):
            yield f"rule {rule.name}: step {number} of escalate tells nobody new"
        told |= set(step.to)


def untold(
    directory: Directory, studies: Collection[str], sites: Collection[str], at: datetime
) -> dict[str, list[tuple[str, str]]]:
    """Kinds that may be asap or more urgent, and the studies and sites for which nobody would be told of them."""
    rules = [r for r in directory.rules if _reaches_anybody(r, directory, at)]
    found = {
        kind: [
            (study, site)
            for study in sorted(studies)
            for site in sorted(sites)
            if not any(_speaks_of(rule, kind, study, site) for rule in rules)
        ]
        for kind in sorted(KINDS)
        if HIGHEST[kind].reaches(Urgency.ASAP)
    }
    return {kind: places for kind, places in found.items() if places}


def _uncovered(directory: Directory, studies: Collection[str], sites: Collection[str], at: datetime) -> Iterable[str]:
    for kind, places in untold(directory, studies, sites, at).items():
        blind = "; ".join(f"{study} at {site}" for study, site in places)
        yield f"nobody is told of {kind} ({HIGHEST[kind]}): {blind}"


def _speaks_of(rule: Rule, kind: str, study: str, site: str) -> bool:
    return (
        (rule.kinds is None or kind in rule.kinds)
        and (rule.studies is None or study in rule.studies)
        and (rule.sites is None or site in rule.sites)
        and HIGHEST[kind].reaches(rule.urgency)
    )


def _reaches_anybody(rule: Rule, directory: Directory, at: datetime) -> bool:
    return any(directory.recipients[name].is_active(at) for name in rule.to)
