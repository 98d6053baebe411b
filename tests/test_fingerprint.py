"""The fingerprint of a verb covers what the verb loads, and sees code but not words."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, command_line

from lottery.commands.parser import stages
from lottery.records.audit import Command
from lottery.records.fingerprint import fingerprint, modules_used, statements
from lottery.results.page.page import TEMPLATES

VERBS = sorted(name for stage in stages().values() for name in stage.commands)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    keep_machine_code = shutil.ignore_patterns("*.pyc")  # what Numba has compiled is copied
    shutil.copytree(ROOT / "lottery", tmp_path / "lottery", ignore=keep_machine_code)
    return tmp_path


def edit(package: Path, module: str, before: str, after: str) -> None:
    path = package / "lottery" / module
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_fingerprint_that_is_the_same_elsewhere(verb: str, package: Path) -> None:
    assert fingerprint(verb) == fingerprint(verb, package)


def test_comments_docstrings_and_layout_change_nothing(package: Path) -> None:
    before = fingerprint("solve", package)
    edit(package, "subset_sum/exact.py", '"""The exact solver', '"""Our exact solver')
    edit(package, "subset_sum/kernels.py", "    last = (1", "    # a comment\n\n    last = (1")
    edit(
        package, "records/files.py", "temporary = path.with_name(", "temporary = path.with_name(  # a comment\n        "
    )
    assert fingerprint("solve", package) == before


FINGERPRINTS = (
    "import sys; from lottery.records.fingerprint import fingerprint; print(*[fingerprint(v) for v in sys.argv[1:]])"
)
# What Python's versions parse or dump in their own ways, or could.
SYNTAX = """
def f(x, /, y=1, *rest, key=None, **more): return f"{x!r:>{y}} {{}} {x = }" 'and' f"{f'{y}'}" u"é", b"bytes"
@property
class C(int, metaclass=type): field: int = -1; other: int
async def g(): return [x async for x in h() if x] or {**{}, 1: ...} or (lambda *, k=2: (yield))
match 1.5e300, None:
    case [1 | -2j, *_] | {"k": None, **rest} if rest: raise ValueError from None
    case C(real=0) as found: del found
"""


def pythons() -> list[Path]:
    """Other Pythons of this machine that the project supports; what is fingerprinted needs nothing but their own library."""
    found = {Path(path) for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}"))}
    found |= {*Path.home().glob(".pyenv/versions/3.*/bin/python"), *Path("/usr/bin").glob("python3.[0-9]*[0-9]")}
    code = f"import sys; sys.exit(not (3, 11) <= sys.version_info != {tuple(sys.version_info)!r})"
    return sorted(path for path in found if subprocess.run([path, "-c", code], check=False).returncode == 0)


@pytest.mark.parametrize("python", [Path(sys.executable), *pythons()])
def test_every_python_finds_the_same_fingerprints(package: Path, python: Path) -> None:
    kernels = package / "lottery/subset_sum/kernels.py"
    kernels.write_text(kernels.read_text() + SYNTAX)
    expected = [fingerprint(verb, package) for verb in VERBS]
    shutil.rmtree(package / "lottery/__pycache__")  # where they are kept
    done = subprocess.run([python, "-c", FINGERPRINTS, *VERBS], cwd=package, capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


@pytest.mark.parametrize(
    "setting",
    [{"PYTHONHASHSEED": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"TZ": "Asia/Tokyo"}],
    ids=lambda it: min(it),
)
def test_the_environment_is_no_part_of_a_fingerprint(package: Path, setting: dict[str, str]) -> None:
    expected = [fingerprint(verb) for verb in VERBS]
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINTS, *VERBS],
        cwd=package, env={**os.environ, "PYTHONPATH": str(package), **setting}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == expected


def test_line_ends_are_no_part_of_a_fingerprint(package: Path) -> None:
    """Git may be told to check text out with those of Windows."""
    for path in (package / "lottery").rglob("*"):
        if path.suffix in (".py", ".csv", ".j2"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert [fingerprint(verb, package) for verb in VERBS] == [fingerprint(verb) for verb in VERBS]


def test_how_fingerprints_are_found_is_no_part_of_them(package: Path) -> None:
    edit(package, "records/fingerprint.py", "[:16]", "[:15]")
    assert "lottery.records.fingerprint" not in modules_used("prune")
    assert [fingerprint(verb, package) for verb in VERBS] == [fingerprint(verb) for verb in VERBS]


def test_a_change_of_a_module_reaches_those_who_use_it_and_nobody_else(package: Path) -> None:
    before = {verb: fingerprint(verb, package) for verb in VERBS}
    edit(package, "subset_sum/kernels.py", "1 + 1e-9", "1 + 2e-9")
    changed = {verb for verb in VERBS if fingerprint(verb, package) != before[verb]}
    assert {"solve", "assemble", "cross-check", "choose-solver"} <= changed
    assert not changed & {"fetch", "train", "plot-cardinality", "plot-seconds", "tabulate", "summarise"}


def test_a_change_of_one_verb_in_the_command_line_reaches_that_verb_alone(package: Path) -> None:
    before = {verb: fingerprint(verb, package) for verb in VERBS}
    edit(package, "commands/subset_sum.py", "weights by {name} in", "weights with {name} in")
    assert {verb for verb in VERBS if fingerprint(verb, package) != before[verb]} == {"solve"}


def test_solving_does_not_depend_on_torch_code() -> None:
    assert "lottery.training" not in modules_used("solve")
    assert "lottery.training" in modules_used("train")


def loaded(folder: Path, code: str, *words: str, package: Path = ROOT) -> set[str]:
    """Modules of the package that code has loaded when it has ended well."""
    code += "; print('LOADED', *[name for name in sys.modules if name.split('.')[0] == 'lottery'])"
    environment = os.environ | {"PYTHONPATH": str(package)}
    command = [sys.executable, "-P", "-c", f"import sys; {code}", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.slow
def test_the_modules_that_a_command_really_loads_are_covered(
    finished: Path, commands: list[Command], package: Path, tmp_path: Path
) -> None:
    """What is loaded at run time must be what reading the imports found, for otherwise results go stale unseen.

    Each command runs from a module that has nothing but the statements that its fingerprint counts.
    """
    machinery = loaded(
        finished, "import lottery.cli, lottery.commands.flags, lottery.workflow.shared_jobs, lottery.plugins"
    )
    by_verb = {command.name: command for command in reversed(commands)}  # readers first: some write beside OUTPUT too
    assert {"fetch", "train", "choose-solver", "solve", "assemble", "evaluate", "cross-check", "prune"} < by_verb.keys()
    run = "from lottery.cli import main; assert main(sys.argv[1:]) == 0"
    for verb, command in by_verb.items():
        [name] = [name for name, stage in stages().items() if verb in stage.commands]
        module = package / f"lottery/commands/{name}.py"
        whole = module.read_text(encoding="utf-8")
        module.write_text("\n\n".join(map(ast.unparse, statements(verb))), encoding="utf-8")
        found = loaded(finished, run, *command_line(command, str(tmp_path / verb)), package=package)
        module.write_text(whole, encoding="utf-8")
        assert found - machinery - {f"lottery.commands.{name}"} <= modules_used(verb), verb


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_the_command_line_itself_loads_nothing_heavy(words: list[str]) -> None:
    code = f"import sys; from lottery.cli import main; sys.exit = print; main({words}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pandas", "pydantic"} & set(done.stdout.split())


def test_a_changed_table_or_template_reaches_those_who_read_it(package: Path) -> None:
    readers = {
        "published/figures.csv": "tabulate-runs",
        "published/table1.csv": "tabulate",
        **{f"results/page/{name}": "summarise" for name in TEMPLATES},
    }
    for name, verb in readers.items():
        before = fingerprint(verb, package), fingerprint("prune", package)
        with (package / "lottery" / name).open("a") as file:
            file.write("more")
        assert fingerprint(verb, package) != before[0]
        assert fingerprint("prune", package) == before[1]
