"""Settings are declared once: from a field come flag, help, schema, reference table, the rule's flag and the refusal."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
from conftest import ROOT
from pydantic import Field

from lottery.approximation.settings import Settings, SolverSettings
from lottery.commands.parser import parse
from lottery.errors import LotteryError
from lottery.pruning.run import Run, Variant
from lottery.recipe import Recipe
from lottery.records.fingerprint import fingerprint
from lottery.settings import flags, plain, settings, settings_from
from lottery.tickets.construction import Construction
from lottery.workflow.configuration import complete
from lottery.workflow.schema import schema as config_schema

PRUNE = ["prune", "--data", "d", "--output", "o"]
NEW = """    warmth: float = Field(default=0.25, ge=0, le=2, description="How warm it is.")
    bias: bool"""


def test_a_new_field_of_a_variant_is_found_everywhere(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lottery", tmp_path / "lottery", ignore=shutil.ignore_patterns("__pycache__"))
    run = tmp_path / "lottery/pruning/run.py"
    run.write_text(run.read_text().replace("    bias: bool", NEW))
    code = f"""
import json
from lottery.commands.parser import parse, parser
from lottery.pruning.run import Run, Variant
from lottery.settings import flags, settings_from
from lottery.workflow.configuration import complete, reference
given = parse({PRUNE!r} + ["--network", "fc2", "--structure", "wide", "--warmth", "1.5"])
run = settings_from(Run, given)
assert run.variant.warmth == 1.5 and Variant().warmth == 0.25
assert "--warmth 1.5" in " ".join(flags(run))
assert "| `variants.NAME.warmth` | a number | `0.25` | How warm it is. |" in reference()
config = {{"targets": {{}}, "approximations": {{}}, "variants": {{"hot": {{"warmth": 1}}}}}}
assert complete(config)["variants"]["hot"]["warmth"] == 1
for broken in (lambda: Variant(warmth=3), lambda: complete(config | {{"variants": {{"hot": {{"warmth": 3}}}}}})):
    try: broken()
    except Exception as error: print(error)
parse(["prune", "--help"])
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "\nwarmth: from 0 to 2 is needed, not 3\n" in f"\n{done.stdout}"
    assert "config: variants.hot.warmth: 3 is greater than the maximum of 2\n" in done.stdout
    assert "--warmth WARMTH" in done.stdout
    assert "How warm it is. (default: 0.25)" in done.stdout


def test_the_help_of_a_setting_is_no_part_of_what_a_result_is_known_by(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lottery", tmp_path / "lottery", ignore=shutil.ignore_patterns("__pycache__"))
    run = tmp_path / "lottery/pruning/run.py"
    text = run.read_text()
    run.write_text(text.replace('description="Random frozen biases."', 'description="Frozen biases."'))
    assert run.read_text() != text
    assert fingerprint("prune", tmp_path) == fingerprint("prune")
    run.write_text(text.replace("bias: bool = Field(default=False", "bias: bool = Field(default=True"))
    assert fingerprint("prune", tmp_path) != fingerprint("prune")


@pytest.mark.parametrize(
    "given",
    [
        Run("fc2", "linear"),
        Run("lenet5", "dense", 1, 0.0, 3, variant=Variant(decay_scores=False, bias=True, learning_rate=1e-5)),
        Run("fc4", "relu", 3, 0.02, 50, seed=7, protocol="held_out", variant=Variant(weight1_sparsity=0.25)),
        Run("fc2", "wide", stream="released", perturbation=2),
    ],
)
def test_what_the_flags_of_a_run_say_is_that_run(given: Run) -> None:
    assert settings_from(Run, parse([*PRUNE, *flags(given)])) == given


@pytest.mark.parametrize(
    "given", [Settings(), Settings(coefficient_range=(-1e-5, 0.25)), Settings(0.001, 2.5, "exactly_4", "weight")]
)
def test_what_the_flags_of_an_approximation_say_is_that_approximation(given: Settings) -> None:
    solver = SolverSettings("cbc", 0.5)
    words = ["solve", "--target", "t", "--layer", "0", "--first-row", "0", "--last-row", "1", "--output", "o"]
    arguments = parse([*words, *flags(given, solver)])
    assert (settings_from(Settings, arguments), settings_from(SolverSettings, arguments)) == (given, solver)


@pytest.mark.parametrize("given", [Construction(), Construction(3, (-0.5, 2)), Construction(distribution="normal")])
def test_what_the_flags_of_a_ticket_say_is_that_ticket(given: Construction) -> None:
    words = ["build-ticket", "--target", "t", "--data", "d", "--counts", "c", "--output", "o"]
    assert settings_from(Construction, parse([*words, *flags(given)])) == given


def test_the_schema_for_editors_is_that_of_the_package() -> None:
    path = ROOT / "workflow/schemas/config.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == config_schema(), "run `make numbers`"


def test_every_key_of_the_config_is_described() -> None:
    schema = config_schema()
    for part in (schema, *schema["$defs"].values()):
        for name, key in part["properties"].items():
            assert key["description"].strip().endswith("."), name


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: Recipe(epochs=0), "epochs: from 1 is needed, not 0"),
        (lambda: Recipe(epochs=1.5), "epochs: 1.5 should be a valid integer"),
        (lambda: Recipe(learning_rate=float("inf")), "learning_rate: above 0 is needed, not inf"),
        (lambda: Recipe(pixels="grey"), "pixels: 'grey' is not one of normalised, raw"),
        (lambda: Settings(0.0), "epsilon: above 0 and below 1 is needed, not 0.0"),
        (lambda: Settings(rows=3), "rows: there is no such setting; known: epsilon, "),
        (lambda: Run("fc2"), "structure: is required"),
        (lambda: replace(Recipe(), momentum=1), "momentum: from 0 to below 1 is needed, not 1"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(broken: object, message: str) -> None:
    with pytest.raises(LotteryError) as found:
        broken()  # type: ignore[operator]
    assert str(found.value).startswith(message)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("number", "text"), [(3.0, "3"), (0.01, "0.01"), (-1e-5, "-0.00001"), (-0.0, "0"), (1e20, "1" + 20 * "0"), (7, "7")]
)
def test_numbers_are_written_without_an_exponent(number: float, text: str) -> None:
    assert plain(number) == text
    assert float(text) == number


def test_settings_of_a_users_own_work_in_the_same_way() -> None:
    @settings
    class Own:
        share: Annotated[float, Field(gt=0)] | None = Field(default=None, description="A share.")
        fast: bool = Field(default=True, description="Whether.")

    assert flags(Own(), name="x") == ["--name", "x"]
    assert flags(Own(0.5, fast=False)) == ["--share", "0.5", "--no-fast"]
    with pytest.raises(LotteryError, match="share: above 0 is needed, not 0"):
        Own(0)


def test_old_names_of_flags_are_read_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plot-accuracy", "--table", "points.csv", "--network", "fc2", "--output", "figure"]
    old = parse([*words, "--against", "alive"])
    assert capsys.readouterr().err.startswith("--against is now named --x-axis")
    assert old == parse([*words, "--x-axis", "alive"])
    assert capsys.readouterr().err == ""


def test_old_keys_of_a_configuration_are_read_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    config = {"targets": {}, "approximations": {}}
    old = complete({**config, "variants": {"even": {"first_sparsity": 0.5}}, "theory": {"most_coefficients": 6}})
    assert "config: variants.even.first_sparsity is now named weight1_sparsity" in capsys.readouterr().err
    assert old == complete(
        {**config, "variants": {"even": {"weight1_sparsity": 0.5}}, "theory": {"max_coefficients": 6}}
    )
    assert capsys.readouterr().err == ""
