"""Mistakes of every kind in the config and on the command line: each is one clear line, before any work is done."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import ROOT

from lottery.approximation.target import Target, write_target
from lottery.cli import main
from lottery.data.sources import fetch
from lottery.errors import LotteryError, shortened
from lottery.networks import ImageShape, layers
from lottery.records.tensors import read_tensors, write_tensors
from lottery.tickets.claims import Claims, random_weights_digest
from lottery.tickets.file import write_ticket
from lottery.tickets.random_network import Distribution
from lottery.tickets.ticket import LayerMasks, Ticket
from lottery.workflow.configuration import complete


def config(*path: str | int, value: Any) -> dict[str, Any]:
    """config/config.yaml with one value set (keys on the way are made where they are missing)."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    part: Any = whole
    for key in path[:-1]:
        part = part.setdefault(key, {}) if isinstance(part, dict) else part[key]
    part[path[-1]] = value
    return whole


MISTAKES: list[tuple[tuple[str | int, ...], Any, str]] = [
    # unknown keys, at every level
    (("datset",), "mnist", "unknown key 'datset'; did you mean 'dataset'?"),
    (("targets", "fc2", "epoch"), 3, "unknown key 'epoch'; did you mean 'epochs'?"),
    (("approximations", "min_error", "solvre"), "cbc", "unknown key 'solvre'; did you mean 'solver'?"),
    (("cross_check", "samples"), 3, "unknown key 'samples'; did you mean 'sample'?"),
    (("sweeps", "fc2", "sparsity"), [0.5], "unknown key 'sparsity'; did you mean 'sparsities'?"),
    (("variants", "mine", "fan_in"), True, "unknown key 'fan_in'"),
    (("pathvars", "reslts"), "x", "unknown key 'reslts'; did you mean 'results'?"),
    # wrong types
    (("dataset",), 3, "dataset: 3 is not one of mnist"),
    (("source",), 3, "source: text is needed, not 3"),
    (("targets",), [], "targets: a mapping of keys to values is needed, not []"),
    (("targets", "fc2"), "weights.pt", "targets.fc2: "),
    (("targets", "fc2", "epochs"), "ten", "targets.fc2.epochs: a whole number is needed, not 'ten'"),
    (("targets", "fc2", "epochs"), 1.5, "targets.fc2.epochs: a whole number is needed, not 1.5"),
    (("targets", "fc2", "seed"), None, "targets.fc2.seed: a whole number is needed, not None"),
    (("approximations", "min_error", "zero_small_weights"), "perhaps", "true or false is needed, not 'perhaps'"),
    (("approximations", "min_error", "coefficient_range"), 1, "approximations.min_error.coefficient_range"),
    (("approximations", "min_error", "coefficient_range"), [1], "approximations.min_error.coefficient_range"),
    (("approximations", "min_error", "coefficient_range"), ["a", "b"], "approximations.min_error.coefficient_range"),
    (("cross_check", "solvers"), "cbc", "cross_check.solvers: a list is needed, not 'cbc'"),
    (("sweeps", "fc2", "sparsities"), 0.5, "sweeps.fc2.sparsities: a list is needed, not 0.5"),
    (("sweeps", "fc2", "sparsities"), ["half"], "sweeps.fc2.sparsities.0: a number is needed, not 'half'"),
    (("sweeps", "fc2", "epochs"), [2.5], "sweeps.fc2.epochs.0: a whole number is needed, not 2.5"),
    (("variants", "mine"), 3, "variants.mine: "),
    (("variants", "mine", "bias"), 1, "variants.mine.bias: true or false is needed, not 1"),
    (("jobs_per_gpu",), "many", "jobs_per_gpu: a whole number is needed, not 'many'"),
    (("runs_per_job",), "many", "runs_per_job: 'many' is not one of auto, number from 1"),
    (("runs_per_job",), 0, "runs_per_job: 0 is not one of auto, number from 1"),
    # words that are not on the list
    (("dataset",), "imagenet", "dataset: 'imagenet' is not one of mnist"),
    (("device",), "tpu", "device: 'tpu' is not one of auto, cpu, cuda"),
    (("targets", "fc2", "network"), "fc3", "targets.fc2.network: 'fc3' is not one of fc2, fc4, lenet5"),
    (("approximations", "min_error", "solver"), "gruobi", "'gruobi' is not one of exact"),
    (("approximations", "min_error", "objective"), "best", "'best' is not one of min_error"),
    (("approximations", "min_error", "sharing"), "column", "'column' is not one of row, weight"),
    (("approximations", "min_error", "stream"), "random", "'random' is not one of keyed, released, official"),
    (("approximations", "min_error", "on_infeasible"), "ignore", "'ignore' is not one of"),
    (("approximations", "min_error", "objective"), "exactly_99", "keeps more than the 21 coefficients"),
    (("approximations", "min_error", "objective"), "exactly_", "min_error, min_cardinality, first_feasible, exactly_K"),
    (("tickets", "min_error", "target"), "fc9", "'fc9' is not one of the targets"),
    (("tickets", "min_error", "units_per_input"), 65, "65 is greater than"),
    (("tickets", "min_error", "units_per_input"), 0, "0 is less than"),
    (("tickets", "min_error", "distribution"), "gauss", "distribution"),
    (("tickets", "min_error", "distribution"), [1, -1], "low < high"),
    (("tickets", "min_error", "distribution"), [-2, -1], "no positive numbers"),
    (("tickets", "min_error", "objective"), "exactly_50", "keeps more than the 42 units"),
    (("tickets", "min_error", "on_infeasible"), "redraw", "'redraw' is not one of"),
    (("tickets", "min_error", "seed"), -1, "-1 is less than"),
    (("frontiers", "fc2", "target"), "fc9", "'fc9' is not one of the targets"),
    (("frontiers", "fc2", "epsilons"), [], "epsilons"),
    (("frontiers", "fc2", "epsilons"), [0.01, 1], "1 is greater than or equal"),
    (("frontiers", "fc2", "objectives"), ["exactly_22"], "keeps more than"),
    (("frontiers", "fc2", "coefficients_per_bit"), [40], "1 to 64 are possible"),
    (("exact_networks", "fc2"), {"target": "fc9"}, "'fc9' is not one of the targets"),
    (("exact_networks", "fc2"), {"target": "fc2", "bits": [21]}, "21 is greater than"),
    (("exact_networks", "fc2"), {"target": "fc2", "coefficients_per_bit": [40]}, "1 to 64 are possible"),
    (("exactness",), {"kinds": ["gauss"]}, "'gauss' is not one of uniform"),
    (("exactness",), {"bits": [5]}, "needs a multiple of 2, not 5"),
    (("controls", "sweeps"), ["fc9"], "controls.sweeps: 'fc9' is not one of the sweeps"),
    (("controls", "draws"), 0, "controls.draws: 0 is less than the minimum of 1"),
    (("theory", "kinds"), ["gauss"], "'gauss' is not one of uniform"),
    (("theory", "trials"), 0, "0 is less than"),
    (("theory", "max_coefficients"), 60, "60 is greater than"),
    (("cross_check", "solvers"), ["highs"], "cross_check.solvers.0: 'highs' is not one of gurobi, cbc, mip"),
    (("sweeps", "fc2", "network"), "vgg", "sweeps.fc2.network: 'vgg' is not one of fc2, fc4, lenet5"),
    (("sweeps", "fc2", "structures"), ["cubic"], "sweeps.fc2.structures.0: 'cubic' is not one of"),
    # out of range
    (("targets", "fc2", "epochs"), 0, "targets.fc2.epochs: 0 is less than the minimum of 1"),
    (("targets", "fc2", "learning_rate"), -1, "targets.fc2.learning_rate: -1"),
    (("targets", "fc2", "learning_rate"), float("nan"), "targets.fc2.learning_rate: a finite number is needed"),
    (("targets", "fc2", "momentum"), 1, "targets.fc2.momentum: 1"),
    (("targets", "fc2", "batch_size"), 0, "targets.fc2.batch_size: 0"),
    (("targets", "fc2", "weight_decay"), float("inf"), "targets.fc2.weight_decay: a finite number is needed"),
    (("targets", "fc2", "seed"), -1, "targets.fc2.seed: -1"),
    (("approximations", "min_error", "epsilon"), 0, "approximations.min_error.epsilon: 0"),
    (("approximations", "min_error", "epsilon"), 1.5, "approximations.min_error.epsilon: 1.5"),
    (("approximations", "min_error", "coefficients_per_bit"), 0.01, "approximations.min_error: "),
    (("approximations", "min_error", "coefficients_per_bit"), 1000, "approximations.min_error"),
    (("approximations", "min_error", "rows_per_chunk"), 0, "approximations.min_error.rows_per_chunk: 0"),
    (("approximations", "min_error", "time_limit"), 0, "approximations.min_error.time_limit: 0"),
    (("cross_check", "sample"), 0, "cross_check.sample: 0"),
    (("validation_images",), 0, "validation_images: 0"),
    (("jobs_per_gpu",), 0, "jobs_per_gpu: 0 is less than the minimum of 1"),
    (("sweeps", "fc2", "sparsities"), [1], "sweeps.fc2.sparsities.0: 1 is greater than or equal to the maximum of 1"),
    (("sweeps", "fc2", "sparsities"), [-0.1], "sweeps.fc2.sparsities.0: -0.1 is less than the minimum of 0"),
    (("sweeps", "fc2", "sparsities"), [float("nan")], "sweeps.fc2.sparsities.0: a finite number is needed"),
    (("sweeps", "fc2", "redundancies"), [0], "sweeps.fc2.redundancies.0: 0 is less than the minimum of 1"),
    (("sweeps", "fc2", "held_out_seeds"), [-1], "sweeps.fc2.held_out_seeds.0: -1"),
    (("variants", "mine", "learning_rate"), 0, "variants.mine.learning_rate: 0"),
    (("variants", "mine", "hidden"), 0, "variants.mine.hidden: 0"),
    (("variants", "mine", "weight1_sparsity"), 1, "variants.mine.weight1_sparsity: 1"),
    # empty, or twice the same
    (("sweeps", "fc2", "sparsities"), [], "sweeps.fc2.sparsities: [] "),
    (("sweeps", "fc2", "sparsities"), [0.5, 0.5], "sweeps.fc2.sparsities: [0.5, 0.5] has non-unique elements"),
    (("sweeps", "fc2", "structures"), [], "sweeps.fc2.structures: [] "),
    (("cross_check", "solvers"), ["cbc", "cbc"], "cross_check.solvers: ['cbc', 'cbc'] has non-unique elements"),
    (("source",), "", "source: "),
    # names that cannot be part of a path
    (("targets", "My Target"), {"network": "fc2"}, "My Target"),
    (("approximations", "../elsewhere"), {"target": "fc2"}, "../elsewhere"),
    (("sweeps", "a/b"), {"network": "fc2"}, "a/b"),
    # values that contradict each other
    (("approximations", "min_error", "target"), "fc9", "'fc9' is not one of the targets"),
    (("targets", "fc2"), None, "'fc2' is not one of the targets (fc2_raw)"),
    (("approximations", "min_error", "coefficient_range"), [1, 0], "low < high is needed"),
    (("approximations", "min_error", "coefficient_range"), [0, float("inf")], "a finite number is needed"),
    (("approximations", "both"), {"target": "fc2", "stream": "released", "sharing": "weight"}, "take sharing: row"),
    (("tickets", "min_error", "target"), "fc2", "tickets.min_error.signed_inputs: this fc2 was trained on normalised"),
    (("sweeps", "fc2", "epochs"), "released", "sweeps.fc2.epochs: "),
    (("sweeps", "fc2", "published_stream"), "official", "'official' is not one of keyed, released"),
    (("targets", "fc2", "pixels"), "grey", "targets.fc2.pixels: 'grey' is not one of normalised, raw"),
    (("cross_check", "approximation"), "nothing", "cross_check.approximation: 'nothing' is not one of"),
    (("sweeps", "fc2", "variants"), ["fast"], "sweeps.fc2.variants: 'fast' is not one of the variants"),
    (("variants", "released"), {"bias": True}, "variants.released: is what the paper released"),
    (("sweeps", "more"), {"network": "fc2", "sparsities": [0.5], "published_seed": 7}, "the published protocol has one seed and one stream for a network"),
    (("sweeps", "fc2_only"), {"network": "fc2", "sparsities": [0.5], "published_seed": None, "held_out_seeds": []}, "neither protocol"),
    (("validation_images",), 60_000, "validation_images: 60000 of 60000 training images of mnist leave none"),
    (("dataset",), "mnist5k", "validation_images: 5000 of 4000 training images of mnist5k leave none"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=lambda part: str(part)[:60])
def test_a_mistake_in_the_config_is_one_line_with_its_key(
    path: tuple[str | int, ...], value: Any, message: str
) -> None:
    with pytest.raises(LotteryError) as found:
        complete(config(*path, value=value))
    assert message in str(found.value)
    assert str(found.value).startswith("config: ")
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 260


def test_the_config_itself_has_no_mistake() -> None:
    """Else every case above could pass for a reason of its own."""
    complete(config("device", value="cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, and files that are not what their names say."""
    folder = tmp_path_factory.mktemp("inputs")
    fetch("mnist5k", "embedded", folder / "data.safetensors")
    (folder / "empty").touch()
    (folder / "text.pt").write_text("weights")
    (folder / "list.json").write_text("[1, 2]")
    (folder / "table.csv").write_text("a,b\n1,2,3\n")
    (folder / "good.csv").write_text("a,b\n1,2\n")
    os.mkfifo(folder / "pipe")
    weights = {layer.name: np.zeros(layer.shape, np.float32) for layer in layers("fc2", ImageShape(1, 28))}
    write_target(folder / "weights.safetensors", Target("fc2", ImageShape(1, 28), "raw", weights))
    masks = LayerMasks(np.ones((1, 784), bool), np.zeros((1, 500, 784), bool))
    last = LayerMasks(np.ones((1, 500), bool), np.zeros((1, 10, 500), bool))
    small = Ticket("fc2", ImageShape(1, 28), 1, Distribution(), False, {"fc1.weight": masks, "fc2.weight": last})
    claims = Claims(random_weights_digest(small), "0" * 64, 0.1, 0.1, "mnist5k", 1000, 10.0)
    write_ticket(folder / "ticket.safetensors", small, claims)
    (folder / "random").write_bytes(np.random.default_rng(0).bytes(4096))
    return folder


PRUNE = "prune --data data.safetensors --network fc2 --structure linear --output run"
TRAIN = "train --data data.safetensors --network fc2 --history h.json --output o"

COMMANDS = [
    ("train --data nowhere --network fc2 --history h --output o", "nowhere: there is no such file"),
    ("train --data empty --network fc2 --history h --output o", "empty: "),
    ("train --data random --network fc2 --history h --output o", "random: "),
    ("train --data list.json --network fc2 --history h --output o", "list.json: "),
    ("train --data . --network fc2 --history h --output o", ".: is not a regular file"),
    (f"{TRAIN} --epochs 0", "epochs: "),
    (f"{TRAIN} --batch-size 0", "batch_size: "),
    (f"{TRAIN} --learning-rate nan", "learning_rate: "),
    (f"{TRAIN} --momentum 2", "momentum: "),
    (f"{TRAIN} --seed -1", "seed: "),
    (f"{TRAIN} --device tpu", "device: 'tpu' is not one of auto, cpu, cuda"),
    ("import-weights --weights text.pt --network fc2 --dataset mnist --output o", "weights: text.pt is damaged, or not a state"),
    ("import-weights --weights empty --network fc2 --dataset mnist --output o", "weights: empty is damaged, or not a state"),
    ("import-weights --weights nowhere.pt --network fc2 --dataset mnist --output o", "nowhere.pt: there is no such file"),
    ("import-weights --weights text.pt --network fc2 --dataset imagenet --output o", "imagenet"),
    ("verify .", ".: is not a regular file"),
    ("verify pipe", "pipe: is not a regular file"),
    ("verify ticket.safetensors --data weights.safetensors", "weights.safetensors: not a dataset file"),
    ("verify ticket.safetensors --data ticket.safetensors", "ticket.safetensors: not a dataset file"),
    ("verify ticket.safetensors --target ticket.safetensors", "ticket.safetensors: not a network file"),
    ("verify ticket.safetensors --target data.safetensors", "data.safetensors: not a network file"),
    ("verify weights.safetensors", "weights.safetensors: not a ticket of this version"),
    ("build-ticket --target weights.safetensors --data weights.safetensors --counts c --output o", "weights.safetensors: not a dataset file"),
    ("build-ticket --target ticket.safetensors --data data.safetensors --counts c --output o", "ticket.safetensors: not a network file"),
    ("choose-solver --solver cplex --weights-per-set 1 --output o", "solver: 'cplex' is not one of exact"),
    ("choose-solver --epsilon 0 --weights-per-set 1 --output o", "epsilon: "),
    ("solve --target data.safetensors --layer 0 --first-row 0 --last-row 0 --output o", "data.safetensors: "),
    ("assemble --target data.safetensors --chunks empty --output o", "data.safetensors: "),
    ("evaluate --data data.safetensors --target random --network random --output o", "random: "),
    (f"{PRUNE} --network vgg", "network: 'vgg' is not one of"),
    (f"{PRUNE} --structure cubic", "structure: 'cubic' is not one of"),
    (f"{PRUNE} --sparsity 1", "sparsity: "),
    (f"{PRUNE} --sparsity nan", "sparsity: "),
    (f"{PRUNE} --redundancy 0", "redundancy: "),
    (f"{PRUNE} --redundancy 1000000", "redundancy: "),
    (f"{PRUNE} --epochs 0", "epochs: "),
    (f"{PRUNE} --seed -5", "seed: "),
    (f"{PRUNE} --protocol both", "protocol: 'both' is not one of"),
    (f"{PRUNE} --protocol held_out --validation-images 4000", "validation_images: "),
    (f"{PRUNE} --hidden 0", "hidden: "),
    (f"{PRUNE} --convolutions text.pt", "weights: text.pt is damaged, or not a state"),
    (f"{PRUNE} --batch-size 0", "batch_size: "),
    ("tabulate-runs --runs list.json --folder . --output o", "list.json: a list of runs"),
    ("tabulate-runs --runs empty --folder . --output o", "empty: cannot be read as JSON"),
    ("tabulate --approximations nowhere --output o", "nowhere/assembly.json: there is no such file"),
    ("plot-accuracy --table table.csv --network fc2 --output o", "table.csv: "),
    ("plot-accuracy --table good.csv --network fc2 --output o", "good.csv: has no column"),
    ("plot-epochs --table empty --network fc2 --output o", "empty: cannot be read as CSV"),
    ("plot-seconds --table good.csv --output o", "good.csv: "),
    ("plot-cardinality --table good.csv --output o", "good.csv: "),
    ("summarise --tables nowhere --output o", "nowhere/table1.csv: there is no such file"),
    ("fetch --dataset imagenet --output o", "imagenet"),
    ("fetch --dataset mnist --source /nowhere --output o", "source: the folder /nowhere does not exist"),
    ("fetch --dataset mnist --source . --output o", "train-images"),
    ("fetch --dataset mnist --source embedded --output o", "mnist is not embedded"),
    ("fetch --dataset mnist5k --source embedded --output empty/o", "empty/o: cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), COMMANDS, ids=lambda part: str(part)[:70])
def test_a_mistake_on_the_command_line_is_one_line_and_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    monkeypatch.chdir(folder)
    started = time.monotonic()
    assert main(line.split()) == 1
    error = capsys.readouterr().err
    assert message in error, error
    assert error.startswith(f"lottery {line.split()[0]}: ")
    assert error.count("\n") == 1
    assert len(error) < 300
    assert time.monotonic() - started < 30, "said only after work was done"
    assert not (folder / "o").exists()


LONG = "very " * 200_000
INSIDE = [
    ("ticket", ("format",)),
    ("ticket", ("generator",)),
    ("ticket", ("network",)),
    ("ticket", ("image", "size")),
    ("ticket", ("image", LONG)),
    ("ticket", ("seed",)),
    ("ticket", ("distribution", "name")),
    ("ticket", ("distribution", LONG)),
    ("ticket", ("signed_inputs",)),
    ("ticket", ("units_per_input", "fc1.weight")),
    ("ticket", ("claims", "accuracy")),
    ("ticket", ("claims", "dataset")),
    ("ticket", ("claims", LONG)),
    ("weights", ("network",)),
    ("weights", ("image", LONG)),
    ("data", ("dataset",)),
]


@pytest.mark.parametrize(("name", "place"), INSIDE, ids=lambda part: str(part)[:40])
def test_what_a_file_says_is_told_in_short(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    name: str, place: tuple[str, ...],
) -> None:  # fmt: skip
    """A file of a megabyte of words where one word is due; it is named, and its words are not printed."""
    monkeypatch.chdir(tmp_path)
    arrays, metadata = read_tensors(folder / f"{name}.safetensors")
    part = metadata
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = LONG
    write_tensors(Path("long.safetensors"), arrays, metadata)
    ticket, data = str(folder / "ticket.safetensors"), str(folder / "data.safetensors")
    words = {"ticket": ["long.safetensors", "--data", data], "weights": [ticket, "--target", "long.safetensors"],
             "data": [ticket, "--data", "long.safetensors"]}[name]  # fmt: skip
    assert main(["verify", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("lottery verify: long.safetensors: ")
    assert error.count("\n") == 1
    assert len(error) < 500


def test_a_header_of_a_megabyte_is_told_in_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    header = f'{{"a": {{"dtype": "{LONG}", "shape": [], "data_offsets": [0, 0]}}}}'.encode()
    Path("long.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    for words in (
        "verify long.safetensors",
        "import-weights --weights long.safetensors --network fc2 --dataset mnist --output o",
    ):
        assert main(words.split()) == 1
        error = capsys.readouterr().err
        assert "long.safetensors" in error
        assert error.count("\n") == 1
        assert len(error) < 500


def test_short_words_are_left_as_they_are_and_long_ones_lose_their_middle() -> None:
    assert shortened(ValueError("a few words")) == "a few words"
    assert shortened("two\nlines") == "two lines"
    assert shortened("a" * 150 + "b" * 150) == "a" * 100 + " … " + "b" * 100
