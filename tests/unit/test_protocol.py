"""Reading protocol files: what comes with the product, and how a wrong file is refused."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from services.cli.main import app
from shared.protocol.criteria import Criterion, LaboratoryCriterion, with_nested
from shared.protocol.load import load, load_file, protocol_hash, scope
from shared.protocol.model import Protocol
from shared.protocol.schema import schema
from shared.protocol.sourced import Sourced
from shared.sites import ConfigurationError
from shared.terminology import concept

TRIAL = "camrelizumab-hcc-transplant"
TEXT = (files("shared.protocol") / f"{TRIAL}.yaml").read_text(encoding="utf-8")


@pytest.fixture
def trial() -> Protocol:
    """The first trial."""
    return load()[TRIAL]


def _refused(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "trial.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        load_file(file)
    return [line.removeprefix(f"{file}:") for line in str(refusal.value).splitlines()]


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def _sourced(part: object) -> list[Sourced[object]]:
    """Every sourced value within a part of a protocol."""
    if isinstance(part, Sourced):
        return [part]
    if isinstance(part, tuple):
        return [found for item in part for found in _sourced(item)]
    if isinstance(part, BaseModel):
        return [found for name in type(part).model_fields for found in _sourced(getattr(part, name))]
    return []


def test_the_first_trial_comes_with_the_product(trial: Protocol) -> None:
    """Without any configuration the trial NCT04564313 is there, with its criteria in order."""
    ids = [c.id for c in trial.screening.inclusion]
    assert ids == [*(f"I{n}" for n in range(1, 11)), *(f"I11{part}" for part in "abcde")]
    assert trial.screening.exclusion == ()
    assert "not public" in trial.screening.exclusion_note


def test_numbers_are_decimals_as_written(trial: Protocol) -> None:
    """A bound of 2.8 is exactly 2.8, never the nearest binary fraction."""
    albumin = next(c for c in trial.screening.inclusion if c.id == "I11d")
    assert isinstance(albumin, LaboratoryCriterion)
    assert albumin.at_least is not None
    assert albumin.at_least.value == Decimal("2.8")


def test_every_assumed_value_says_why(trial: Protocol) -> None:
    """A site can see what nobody stated, and the reason for each."""
    values = _sourced(trial)
    assumed = [value for value in values if value.assumed]
    assert len(values) > len(assumed) > 20
    assert all(value.note for value in assumed)


def test_the_hash_follows_the_content_and_not_the_layout(tmp_path: Path, trial: Protocol) -> None:
    """Comments and quoting leave the hash; another bound changes it."""
    same, other = tmp_path / "same.yaml", tmp_path / "other.yaml"
    same.write_text("# a comment\n" + TEXT.replace("id: I1\n", 'id: "I1"\n'), encoding="utf-8")
    other.write_text(TEXT.replace("at_least: {value: 50,", "at_least: {value: 75,"), encoding="utf-8")
    assert protocol_hash(load_file(same)) == protocol_hash(trial)
    assert protocol_hash(load_file(other)) != protocol_hash(trial)


def test_scope_holds_what_screening_response_and_safety_read(trial: Protocol) -> None:
    """What ingest keeps: the criteria's concepts, lesions, liver tests, troughs, drugs, attestations."""
    kept = scope([trial]).concepts
    for asked in ("hcc", "platelets", "pd-l1", "lesion-measurement", "alt", "tacrolimus-trough", "hbv-dna"):
        assert asked in kept
    for asked in ("camrelizumab", "sorafenib", "tacrolimus", "rai-portal", "sae-confirmed", "off-study"):
        assert asked in kept
    for other in ("hbsag", "karnofsky"):
        assert other not in kept
    assert all(concept(asked).id == asked for asked in kept)


def test_scope_is_the_same_whatever_the_order_of_protocols(trial: Protocol) -> None:
    """The hash of the scope changes exactly when the concepts do."""
    assert scope([trial, trial]) == scope([trial])
    assert scope([]).hash != scope([trial]).hash


def test_all_faults_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    """One look at the message is enough to correct the whole file."""
    wrong = (
        TEXT.replace("      concept: hcc\n", "      concept: liver-cancer\n")
        .replace("kind: age\n", "kind: height\n")
        .replace("unit: ng/mL", "units: ng/mL", 1)
        .replace('version: "1"\n', "")
    )
    faults = _refused(tmp_path, wrong)
    assert faults == [
        "1: version: is missing; add it",
        f"{_line(wrong, 'concept: liver-cancer')}: screening.inclusion[0].concept: unknown concept "
        "'liver-cancer': expected a diagnosis of the table of codes",
        faults[2],
        f"{_line(wrong, '- drug: tacrolimus')}: safety.immunosuppression[0].unit: is missing; add it",
        f"{_line(wrong, 'units: ng/mL')}: safety.immunosuppression[0].units: nobody reads this key; "
        "correct its name or remove it",
    ]
    assert faults[2].startswith(f"{_line(wrong, '- id: I7')}: screening.inclusion[6]: ")
    assert "'height'" in faults[2]


def test_a_fault_within_a_biomarker_has_its_own_line(tmp_path: Path) -> None:
    """The kind `biomarker` is also the name of a key, which is not where the fault is."""
    wrong = TEXT.replace("value: graft-liver\n", "value: grafted\n")
    (fault,) = _refused(tmp_path, wrong)
    assert fault.startswith(f"{_line(wrong, 'value: grafted')}: screening.inclusion[5].tissue.value: ")


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("source: registry, note: 65 inclusive.", "source: assumed", "belong together"),
        ("id: I10\n", "id: I9\n", "criterion ids must be unique; given more than once: I9"),
        ("      concept: albumin\n", "      concept: sorafenib\n", "is a drug, expected a laboratory"),
        ("unit: 10*9/L", "unit: 10*3/uL", "unit '10*3/uL': expected '10*9/L' or 'ULN'"),
        ("at_least: {value: 50,", "at_least: {value: 0,", "a bound must be above zero"),
        ("at_least: {value: 50, source: registry}", "note: none", "give `at_least`, `at_most` or both"),
        ("source: registry, note", "source: hearsay, note", "'seed', 'registry', 'published', 'assumed'"),
        ("concepts: [hcc]", "concepts: [hcv]", "no concept 'hcv'"),
        ("value: [sorafenib, lenvatinib]", "value: []", "at least 1 item"),
        ("registry: NCT04564313", "registry: NCT04564313\nregistry: other", "registry: given twice"),
        ("screening:\n", "screening: {\n", "is not YAML"),
        ("value: 0.25\n", "value: abc\n", "valid decimal"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    """Each fault says what was expected there."""
    assert right in TEXT
    faults = _refused(tmp_path, TEXT.replace(right, wrong, 1))
    assert told in faults[0], faults


def test_only_what_is_wrong_is_told(tmp_path: Path) -> None:
    """Not that a list is too short because its only item is wrong; a kind, a form and a text are asked for in words."""
    inclusion = "screening:\n  inclusion:\n    - {id: I1, kind: moon-phase}\n  exclusion: []\n"
    faults = _refused(tmp_path, f"id: A trial\nversion: 1\ntitle: A trial\n{inclusion}")
    assert faults[:2] == [
        "1: id: expected a text of the form ^[a-z][a-z0-9-]{2,63}$",
        "2: version: expected text; put a number in quotes",
    ]
    assert [f for f in faults if "inclusion" in f] == [f for f in faults if f.startswith("6: screening.inclusion[0]: ")]
    assert any("unknown kind 'moon-phase': expected one of 'diagnosis', " in f for f in faults)


@pytest.mark.parametrize("text", ["", "just words", "- a list", "12", "id: !!python/name:os.system ''"])
def test_a_file_that_is_no_protocol_is_refused(tmp_path: Path, text: str) -> None:
    """No content, however odd, escapes as another error."""
    assert _refused(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder without protocols, and text that is not UTF-8 are each told plainly."""
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read"):
        load_file(tmp_path / "absent.yaml")
    with pytest.raises(ConfigurationError, match="no protocol files"):
        load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load(tmp_path)


def test_a_folder_is_read_as_a_whole(tmp_path: Path) -> None:
    """Two files of one id are refused, and the faults of several files are told together."""
    (tmp_path / "a.yaml").write_text(TEXT, encoding="utf-8")
    assert list(load(tmp_path)) == [TRIAL]
    assert list(load(tmp_path / "a.yaml")) == [TRIAL]
    (tmp_path / "b.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "c.yaml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        load(tmp_path)
    told = str(refusal.value)
    assert "b.yaml: id: 'camrelizumab-hcc-transplant' is the id of another file" in told
    assert "c.yaml" in told


def test_groups_nest_and_say_what_they_read(tmp_path: Path) -> None:
    """All, any, at least n and not are criteria like others; a group reads what its parts read."""
    part = "{{id: {}, kind: attestation, title: t, sources: [site], code: {}}}"
    first, second = part.format("E1a", "not-resectable"), part.format("E1b", "off-study")
    inner = f"{{id: E1c, kind: not, title: t, sources: [site], of: [{second}]}}"
    group = f"[{{id: E1, kind: at-least, n: 2, title: t, sources: [site], of: [{first}, {inner}]}}]"
    file = tmp_path / "trial.yaml"
    file.write_text(TEXT.replace("exclusion: []", f"exclusion: {group}"), encoding="utf-8")
    exclusion = load_file(file).screening.exclusion
    assert [c.id for c in with_nested(exclusion)] == ["E1", "E1a", "E1c", "E1b"]
    assert exclusion[0].concepts() == {"not-resectable", "off-study", "attestation"}
    faults = _refused(tmp_path, TEXT.replace("exclusion: []", f"exclusion: {group.replace('n: 2', 'n: 3')}"))
    assert "n is 3, but there are only 2 criteria" in faults[0]


def test_the_example_protocols_are_valid() -> None:
    """What a site is given to copy from can be used as it is."""
    assert list(load(Path(__file__).parents[2] / "deploy/protocols")) == ["example-first-line-hcc"]


def test_the_schema_names_every_kind_of_criterion() -> None:
    """An editor that reads the JSON Schema offers the closed set of kinds, and refuses unknown keys."""
    stated = schema()
    criteria = stated["$defs"]["Screening"]["properties"]["inclusion"]["items"]
    assert criteria["discriminator"]["propertyName"] == "kind"
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Criterion)[0])}
    assert criteria["discriminator"]["mapping"].keys() == kinds
    assert stated["additionalProperties"] is False


def test_check_says_of_each_file_what_it_is_or_every_fault(tmp_path: Path) -> None:
    """A right file is described, a wrong one named with its lines, and the exit code tells."""
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    right.write_text(TEXT, encoding="utf-8")
    wrong.write_text(TEXT.replace("kind: age\n", "kind: height\n").replace('version: "1"\n', ""), encoding="utf-8")
    checked = CliRunner().invoke(app, ["protocol", "check", str(right), str(wrong)])
    assert checked.exit_code == 1
    first, *faults = checked.stdout.splitlines()
    assert first.startswith(f"{right}: {TRIAL} version 1, 15 inclusion and 0 exclusion criteria")
    assert [f.split(":")[1] for f in faults] == ["1", str(_line(TEXT, "- id: I7") - 1)]
    assert CliRunner().invoke(app, ["protocol", "check", str(right)]).exit_code == 0


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("kind: scale, scale: ecog", "give `at_least`, `at_most` or both"),
        ("kind: scale, scale: hcc, at_most: {value: 1, source: site}", "'hcc' is a diagnosis, expected a scale"),
        (
            "kind: trough, concept: tacrolimus-trough, unit: ULN, at_most: {value: 1, source: site}",
            "unit 'ULN': expected 'ng/mL'",
        ),
        (
            "kind: trough, concept: tacrolimus-trough, unit: ng/mL, at_least: {value: 8, source: site}, "
            "at_most: {value: 3, source: site}",
            "`at_most` is less than `at_least`",
        ),
        (
            "kind: order, earlier: {concept: hcc, which: first}, later: {concept: alt, which: first}, "
            "at_least_days: {value: 0, source: site}",
            "'alt' is a laboratory, expected a diagnosis or procedure or drug",
        ),
        ("kind: daily-dose, drug: tacrolimus", "give `at_least`, `at_most` or both"),
        ("kind: albi, at_most_grade: {value: 3, source: site}", "Input should be 1 or 2"),
    ],
)
def test_a_wrong_criterion_of_another_kind_is_refused(tmp_path: Path, stated: str, told: str) -> None:
    """Each kind refuses what nobody could evaluate, in words."""
    window = "" if "order" in stated else ", window_days: {value: 14, source: site}"
    exclusion = f"[{{id: E1, title: t, sources: [site], {stated}{window}}}]"
    faults = _refused(tmp_path, TEXT.replace("exclusion: []", f"exclusion: {exclusion}"))
    assert any(told in fault for fault in faults), faults
