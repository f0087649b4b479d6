"""Decides what 10,000 patients have stored: decisions, cases, events and facts of the size that the services write.

Written by SQL, not by the services: what is measured here is the reading of it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import asyncpg

STUDY: Final = "camrelizumab-hcc-transplant"
_CRITERIA: Final = tuple(f"I{n}" for n in range(1, 11)) + tuple(f"I11{p}" for p in "abcde")
_SCREENING: Final = """
INSERT INTO eligibility.outcome (outcome_id, patient, protocol, kind, subject, ordinal, withdrawn, content, evidence,
    content_hash, timeline_version, protocol_version, protocol_hash, rules_version, evaluated_at, recorded_at)
SELECT gen_random_uuid(), p.patient, $1, 'screening', '', o.ordinal, false,
    (ARRAY[$2, $3, $4, $5]::jsonb[])[1 + (hashtext(p.patient::text || o.ordinal) & 3)], $6, '', 1, '', '', '', now(),
    now() - make_interval(mins => (hashtext(p.patient::text) & 65535) + 10 - o.ordinal)
FROM timeline.patient p CROSS JOIN generate_series(1, 4) AS o (ordinal)
"""
_SAFETY: Final = """
INSERT INTO safety.outcome (outcome_id, patient, protocol, kind, subject, ordinal, withdrawn, content, evidence,
    content_hash, timeline_version, protocol_version, protocol_hash, rules_version, evaluated_at)
SELECT gen_random_uuid(), p.patient, $1, $2, $3, o.ordinal, false, $4, $5, '', 1, '', '', '', now()
FROM (SELECT patient FROM timeline.patient ORDER BY patient LIMIT $6) p CROSS JOIN generate_series(1, 3) AS o (ordinal)
"""
_EVENTS: Final = """
INSERT INTO {schema}.outbox (event_id, patient, outcome_id, topic, type, event, created_at)
SELECT gen_random_uuid(), p.patient, gen_random_uuid(), 't', $1, $2, now() - make_interval(mins => e.n * 60)
FROM (SELECT patient FROM timeline.patient ORDER BY patient LIMIT $3) p CROSS JOIN generate_series(1, $4) AS e (n)
"""
_FACTS: Final = """
INSERT INTO timeline.fact (patient, fact_id, record, kind, occurred_at, fact, added_in)
SELECT p.patient, gen_random_uuid(), 'r-' || p.patient || f.n, CASE f.n % 10 WHEN 0 THEN 'attestation' ELSE 'laboratory' END,
    now() - make_interval(days => f.n), $1, 1
FROM timeline.patient p CROSS JOIN generate_series(1, 30) AS f (n)
"""
_EVIDENCE: Final = json.dumps(
    [
        {
            "says": "platelets 142 × 10⁹/L",
            "fact_id": "6f6e36df-9b7b-5ffe-9767-75f0c8595c91",
            "version": "1",
            "occurred": "2025-06-26T08:00:00+02:00",
            "reference": f"Observation/{n:032x}",
        }
        for n in range(25)
    ]
)


async def populate(url: str, patients: int) -> None:
    """Write it all; of ten patients three are treated."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO timeline.patient (patient, site, version)"
            " SELECT gen_random_uuid(), (ARRAY['north', 'south'])[1 + n % 2], 1 FROM generate_series(1, $1::int) AS g (n)",
            patients,
        )
        await connection.execute(_SCREENING, STUDY, *(_decision(s) for s in range(4)), _EVIDENCE)
        treated = patients * 3 // 10
        for kind, subject, content in _safety():
            share = treated // 10 if kind in ("adverse-event", "clock") else treated
            await connection.execute(_SAFETY, STUDY, kind, subject, json.dumps(content), _EVIDENCE, share)
        for schema, tag, share, each in (
            ("eligibility", "screening-status-changed", patients, 3),
            ("eligibility", "criterion-changed", patients, 5),
            ("safety", "rejection-suspected", treated // 3, 1),
            ("safety", "toxicity-graded", treated, 3),
            ("safety", "surveillance-gap-found", treated // 2, 1),
            ("response", "visit-response-assessed", treated, 4),
        ):
            event = {"protocol": STUDY, "sentence": f"{tag}: as the service words it", "status": "eligible", "grade": 3}
            await connection.execute(
                _EVENTS.format(schema=schema), f"graftwatch.{tag}.v1", json.dumps(event), share, each
            )
        await connection.execute(_FACTS, json.dumps({"fact": "laboratory", "code": "x", "value": True}))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _decision(which: int) -> str:
    status = ("eligible", "potentially_eligible", "ineligible", "not_candidate")[which]
    verdict = {"potentially_eligible": "unknown", "ineligible": "not met"}.get(status, "met")
    criteria: list[dict[str, Any]] = [
        {
            "id": c,
            "role": "inclusion",
            "says": "platelets 142 × 10⁹/L on 26 June 2025, needs ≥ 50 × 10⁹/L",
            "title": "platelets at least 50 × 10⁹/L",
            "missing": ["platelets within 14 days"] if c == "I11b" and verdict == "unknown" else [],
            "verdict": verdict if c == "I11b" else "met",
            "evidence": ["6f6e36df-9b7b-5ffe-9767-75f0c8595c91"] * 2,
            "valid_until": None,
        }
        for c in _CRITERIA
    ]
    says = f"{status.replace('_', ' ')}: platelets 42 × 10⁹/L on 26 June 2025, needs ≥ 50 × 10⁹/L"
    return json.dumps({"status": status, "says": says, "criteria": criteria if status != "not_candidate" else []})


def _safety() -> list[tuple[str, str, dict[str, Any]]]:
    sign = "ALT 410 U/L (grade 3) on 25 June 2025, 35 days after the first dose, at least 1.5 x the baseline"
    rejection = {
        "level": "suspected",
        "says": f"graft rejection suspected: {sign}",
        "rule_says": "A lower grade raises suspicion with a low trough.",
        "onset_on": "2025-06-25",
        "severity": None,
        "is_endpoint": False,
        "speaks_for": [sign] * 5,
        "speaks_against": [sign],
        "advises": ["hold the next dose", "biopsy of the graft"],
        "immunosuppression": [{"drug": "tacrolimus", "band": "3-5 ng/mL", "troughs": [], "doses": []}],
    }
    case = {
        "case_id": "1419415a-467c-5525-a490-cbc33f678d2f",
        "title": "inpatient stay",
        "status": "candidate",
        "says": sign,
        "closed": False,
        "grade": None,
        "onset_on": "2025-06-25",
        "seriousness": ["hospitalisation"],
        "relation": "unassessed (counts as related)",
        "expectedness": "unassessed (counts as unexpected)",
        "aware_at": "2026-06-25T10:00:00+00:00",
        "merged_into": None,
        "steps": [],
        "due_investigator_at": "2026-06-26T10:00:00+00:00",
    }
    clock = {
        "state": "due",
        "clock": "site-report",
        "case": "stay/1",
        "title": "inpatient stay",
        "due_at": "2026-06-26T10:00:00+00:00",
        "met_on": None,
    }
    gap = {"is_gap": True, "last_on": "2025-06-01", "allowed_days": 21, "says": "no liver test for more than 21 days"}
    toxicity = {"term": "ALT", "worst_grade": 3, "course": [sign] * 10}
    return [
        ("rejection", "", rejection),
        ("adverse-event", "stay/1", case),
        ("clock", "site-report/stay/1", clock),
        ("surveillance", "", gap),
        *[("toxicity", term, toxicity) for term in ("alt", "ast", "alp", "ggt", "bilirubin-total")],
    ]
