"""What users have set for other programs is no part of our results, and stops nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import RESULTS, ROOT, command_line

from lottery.records.audit import Command

ASCII_ALONE = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
MATPLOTLIBRC = "text.usetex: True\nfont.size: 30\naxes.facecolor: red\nsavefig.transparent: True\nsavefig.dpi: 9\n"


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "of another version", "TkAgg"])
def test_figures_are_the_same_whatever_matplotlib_is_told(
    demo: Path, finished: Path, commands: list[Command], backend: str
) -> None:
    (finished / "matplotlibrc").write_text(MATPLOTLIBRC)
    environment = {**os.environ, **ASCII_ALONE, "MPLBACKEND": backend}
    plots = {command.name: command for command in commands if command.name.startswith("plot-")}
    assert {"plot-errors", "plot-seconds", "plot-frontier", "plot-accuracy", "plot-epochs", "plot-theory"} <= {*plots}
    drawn = list(plots.values()) if backend.startswith("module") else [plots["plot-errors"]]
    words = [command_line(command, f"again/{Path(command.output).name}") for command in drawn]
    script = f"from lottery.cli import main\nfor words in {words!r}:\n    assert main(words) == 0, words"
    done = subprocess.run([sys.executable, "-c", script], cwd=finished, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in drawn:
        stem = Path(command.output)
        for suffix in (".svg", ".png"):
            made = (finished / "again" / stem.name).with_suffix(suffix).read_bytes()
            assert made == (demo / stem).with_suffix(suffix).read_bytes(), (command.name, suffix)


def test_output_with_fewer_letters_than_we_print_fails_no_command(finished: Path, commands: list[Command]) -> None:
    """`solve` prints µs; names of files may have any letter."""
    for verb, output in (("solve", "é/chunk.safetensors"), ("tabulate", "tables_é")):
        command = next(command for command in commands if command.name == verb)
        done = subprocess.run(
            [sys.executable, "-m", "lottery.cli", *command_line(command, output)],
            cwd=finished, env={**os.environ, **ASCII_ALONE}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (finished / output).exists()
    table = RESULTS / "tables/table1.md"
    assert (finished / "tables_é" / table.name).read_bytes() == (finished / table).read_bytes(), "UTF-8 in any locale"


BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    about = "lottery_stub-1.dist-info"
    with zipfile.ZipFile(f"{folder}/lottery_stub-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("stub.pth", "")
        wheel.writestr("lottery_stub.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\\nName: lottery-stub\\nVersion: 1\\nProvides-Extra: dev\\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\\nGenerator: stub\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{about}/RECORD", "")
    return "lottery_stub-1-py3-none-any.whl"

build_wheel = build_editable
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize(
    "setting",
    [
        {"PIP_USER": "1"},
        {"PIP_TARGET": "elsewhere", "PIP_DRY_RUN": "1"},
        {"PIP_CONFIG_FILE": "pip.conf"},
        {"PYTHONPATH": "packages"},
    ],
    ids=lambda setting: min(setting),
)
def test_the_environment_is_set_up_whatever_pip_and_python_are_told(tmp_path: Path, setting: dict[str, str]) -> None:
    """By our Makefile, for a project with nothing to download."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "workflow").mkdir()
    shutil.copy(ROOT / "workflow/environment.mk", tmp_path / "workflow")
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (tmp_path / "pip.conf").write_text("[install]\nuser = true\nno-deps = true\n[global]\ntarget = elsewhere\n")
    installed = tmp_path / "packages/lottery_stub-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: lottery-stub\nVersion: 1\n")
    done = subprocess.run(
        ["make", "env", f"PYTHON={sys.executable}"],
        cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path), **setting}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = subprocess.run(
        [tmp_path / ".venv/bin/python", "-c", "import lottery_stub; print(lottery_stub.__file__)"],
        cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.startswith(str(tmp_path / ".venv"))
    assert not (tmp_path / "elsewhere").exists()


def test_packages_come_from_where_pip_is_told(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nfind-links =\n    https://a.example\n    https://b.example\nuser = true\ntimeout = 5\nno-index = true\n"
    )
    shown = subprocess.run(
        ["make", "-n", "env", f"BIN={Path(sys.executable).parent}", "STAMP=never"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    line = next(line for line in shown.splitlines() if line.startswith("from=$("))
    command = line.partition("; unset")[0] + "; printf '%s\\n' $from"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    index = {f"PIP_{kind}_URL": f"https://{kind.lower()}.example" for kind in ("INDEX", "EXTRA_INDEX")}
    words = subprocess.run(
        ["sh", "-c", command], env=environment | index, capture_output=True, text=True, check=True
    ).stdout
    expected = {f"--{name[4:].lower().replace('_', '-')}={address}" for name, address in index.items()}
    expected |= {"--find-links=https://a.example", "--find-links=https://b.example"}
    assert expected | {"--timeout=5", "--no-index"} <= set(words.split())
    assert "user" not in words
