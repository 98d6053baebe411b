"""What users have set for other programs is no part of our results, and stops nothing."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
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


def stub_project(folder: Path, needs: str = "") -> Path:
    """A project with our Makefile, of one empty module; its wheel is made without a download."""
    (folder / "workflow").mkdir(parents=True)
    for name in ("Makefile", "workflow/environment.mk", "workflow/install.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "constraints.txt").touch()
    (folder / "backend.py").write_text(BACKEND.replace("Provides-Extra", f"{needs}Provides-Extra"))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return folder


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
    stub_project(tmp_path)
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


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize("told_by", ["a file", "the environment"])
def test_packages_come_from_where_pip_is_told(tmp_path: Path, told_by: str) -> None:
    """The project needs a part that only one folder has, which every option of pip that takes an address names."""
    shop = tmp_path / "shop"
    shop.mkdir()
    with zipfile.ZipFile(shop / "lottery_part-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("lottery_part.py", "")
        wheel.writestr("lottery_part-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: lottery-part\nVersion: 1\n")
        wheel.writestr(
            "lottery_part-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("lottery_part-1.dist-info/RECORD", "")
    project = stub_project(tmp_path / "project", needs="Requires-Dist: lottery-part\\n")
    shown = subprocess.run([sys.executable, "-m", "pip", "install", "--help"], capture_output=True, text=True).stdout
    options = re.findall(r"--([a-z-]+) <url>", shown)
    assert len(options) >= 3
    empty = tmp_path / "empty"
    empty.mkdir()
    in_file, in_environment = (shop, None) if told_by == "a file" else (empty, shop)
    (tmp_path / "pip.conf").write_text(
        "[global]\nuser = true\n" + "".join(f"{name} = {in_file.as_uri()}\n" for name in options)
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    if in_environment:
        environment |= {f"PIP_{name.replace('-', '_').upper()}": in_environment.as_uri() for name in options}
    done = subprocess.run(
        ["make", "env", f"PYTHON={sys.executable}"], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert [*project.glob(".venv/lib/*/site-packages/lottery_part.py")]
