"""The command line: quick to start, clear when something is wrong."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lottery.approximation.target import Target, write_target
from lottery.cli import main, parser
from lottery.errors import LotteryError
from lottery.networks import ImageShape, layers
from lottery.records.files import atomic_write, write_text
from lottery.records.provenance import ProvenanceTracker

SMALL = ImageShape(channels=1, size=4)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    weights = {layer.name: generator.normal(0, 0.05, layer.shape).astype(np.float32) for layer in layers("fc2", SMALL)}
    write_target(tmp_path / "target.safetensors", Target("fc2", SMALL, "raw", weights))
    return tmp_path / "target.safetensors"


def solve_arguments(target: Path, *more: str) -> list[str]:
    words = (
        f"solve --target {target} --layer 1 --first-row 0 --last-row 3 --output {target.parent / 'chunk.safetensors'}"
    )
    return [*words.split(), *more]


def test_solving_never_imports_torch(target: Path) -> None:
    code = "import sys; from lottery.cli import main; assert main(sys.argv[1:]) == 0; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, *solve_arguments(target)], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layer", "7"], "layer: got 7, expected 0 to 1"),
        (["--last-row", "10"], "rows: got 0 to 10, expected rows within 0 to 9"),
        (["--objective", "best"], "objective: 'best' is not one of min_error"),
        (["--epsilon", "0"], "epsilon: above 0 and below 1 is needed"),
        (["--epsilon", "nan"], "epsilon: above 0 and below 1 is needed"),
        (["--coefficients-per-bit", "0.01"], "gives 0 coefficients"),
        (["--coefficient-range", "1", "1"], "low < high is needed"),
        (["--solver", "cplex"], "solver: 'cplex' is not one of exact"),
        (["--target", "nowhere.safetensors"], "nowhere.safetensors: there is no such file"),
        (["--coefficients-per-bit", "9", "--solver", "exact"], "63 coefficients: the exact solver needs"),
        (["--coefficients-per-bit", "10"], "gives 70 coefficients a weight, 1 to 64 are possible"),
        (["--output", "/dev/null/chunk.safetensors"], "/dev/null"),
    ],
)
def test_a_mistake_is_one_line_and_a_failure(
    target: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(solve_arguments(target, *more)) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("lottery solve: ")
    assert error.count("\n") == 1


def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def fill_the_disk() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half of the n")
            raise OSError(28, "No space left on device")

    with pytest.raises(LotteryError, match=r"table.csv: cannot be written \(No space left on device\); fix the cause"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, place = tmp_path / "data.safetensors", tmp_path / "a file"
    main(["fetch", "--dataset", "mnist5k", "--source", "embedded", "--output", str(data)])
    place.write_text("in the way")
    arguments = f"prune --data {data} --network fc2 --structure wide".split()
    capsys.readouterr()
    assert main([*arguments, "--output", str(place)]) == 1
    out, error = capsys.readouterr()
    assert "epoch" not in out
    assert "cannot be written" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["target.safetensors", "./sub/../target.safetensors", "link.safetensors"])
def test_no_command_writes_over_what_it_has_read(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(target.parent)
    Path("sub").mkdir()
    Path("link.safetensors").symlink_to("target.safetensors")
    record, before = Path(f"{name}.provenance.json"), target.read_bytes()
    words = "--layer 1 --first-row 0 --last-row 3"
    assert main(f"solve --target target.safetensors {words} --output other.safetensors".split()) == 0
    record.write_bytes(Path("other.safetensors.provenance.json").read_bytes().replace(b"other", b"older"))
    assert main(f"solve --target target.safetensors {words} --output {name}".split()) == 1
    error = capsys.readouterr().err
    assert error == f"lottery solve: {Path(name)}: is also an input of this command; choose another output\n"
    assert target.read_bytes() == before
    assert record.is_file()
    assert Path("link.safetensors").is_symlink()


def test_input_as_output_raises_before_the_old_record_is_deleted(tmp_path: Path) -> None:
    source, record = tmp_path / "table.csv", tmp_path / "new.csv.provenance.json"
    write_text(source, "a")
    provenance = ProvenanceTracker("tabulate", {"output": tmp_path})
    provenance.add_input(source)
    write_text(record, "old")
    with pytest.raises(LotteryError, match=r"table.csv: is also an input of this command"):
        provenance.add_outputs(tmp_path / "new.csv", source)
    assert record.read_text() == "old"
    assert provenance.save() is None
    assert provenance.add_outputs(tmp_path / "new.csv", tmp_path / "other.csv") == tmp_path / "new.csv"
    assert not record.exists()


@pytest.mark.parametrize(
    ("place", "message"), [("a file/o", "a file: cannot be written"), ("a folder", "a folder: is a folder")]
)
def test_check_outputs_raises_for_unwritable_outputs(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    provenance = ProvenanceTracker("verify", {"output": tmp_path})
    provenance.check_outputs(tmp_path / "fine", tmp_path / "new folder" / "fine")
    with pytest.raises(LotteryError, match=message):
        provenance.check_outputs(tmp_path / "fine", tmp_path / place)
    assert not (tmp_path / "fine").exists()


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    verbs = capsys.readouterr().out
    for verb in (
        "fetch",
        "train",
        "solve",
        "assemble",
        "evaluate",
        "cross-check",
        "prune",
        "measure-success",
        "tabulate",
        "tabulate-theory",
        "tabulate-runs",
        "summarise",
        "solvers",
    ):
        assert verb in verbs
        with pytest.raises(SystemExit) as exit_:
            main([verb, "--help"])
        assert exit_.value.code == 0
        capsys.readouterr()


def test_the_help_lists_every_command_once_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    listed = re.findall(r"^  ([a-z][a-z-]+) {2,}[A-Z]", text, re.M)
    [commands] = [action for action in parser()._actions if action.dest == "verb"]
    assert sorted(listed) == sorted(commands.choices)  # type: ignore[arg-type]
    assert text.index("To look and check:") < text.index("  verify ") < text.index("Data and targets:")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("slove", "did you mean `solve`?"), ("verfy", "did you mean `verify`?"), ("xyzzy", "`lottery --help` lists them")],
)
def test_an_unknown_command_is_answered_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    assert main([typed]) == 2
    assert capsys.readouterr().err == f"lottery: no command {typed!r}; {said}\n"
