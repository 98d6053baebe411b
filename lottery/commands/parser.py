"""The commands, found by reading the modules of this folder, and their command line.

A command is a public function of one of these modules; its help is its docstring.  A module is imported when one of its
commands is called, so that `lottery --help` imports none.
"""

import argparse
import ast
import difflib
import importlib
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from lottery import __version__

# In the order of `lottery --help`: first what people type themselves, then what the rules call.
MODULES = (
    "solvers",
    "check",
    "verification",
    "targets",
    "subset_sum",
    "evaluation",
    "frontier",
    "pruning",
    "controls",
    "planting",
    "tickets",
    "theory",
    "tables",
    "figures",
    "page",
)
# Flags by their old names, which are read until version 0.3.
RENAMED = {
    "--against": "--x-axis",
    "--no-score-decay": "--no-decay-scores",
    "--seconds": "--timings",
    "--sha256": "--expected-sha256",
}
EPILOG = """\
The workflow (see README.md) calls these commands and prints each one, so that it can be run by hand.  `lottery COMMAND
--help` describes it.  Errors are one line on stderr, with exit status 1.  To resume an interrupted command, run it again.
"""


class Stage(NamedTuple):
    """A module of commands: its title, and the first line of help of each command."""

    title: str
    commands: dict[str, str]


@cache
def stages() -> dict[str, Stage]:
    """All commands by module, without importing one."""

    def first_line(part: ast.Module | ast.FunctionDef) -> str:
        return (ast.get_docstring(part) or "").partition("\n")[0].rstrip(".")

    found = {}
    for module in MODULES:
        tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
        functions = [part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name[0] != "_"]
        found[module] = Stage(first_line(tree), {part.name.replace("_", "-"): first_line(part) for part in functions})
    return found


def _overview() -> str:
    lines = ["Optimal Lottery Tickets via SubsetSum, step by step."]
    for title, group in groupby(stages().values(), key=lambda stage: stage.title):
        lines += ["", f"{title}:"]
        lines += [f"  {name:24}{text}" for stage in group for name, text in stage.commands.items()]
    return "\n".join(lines)


def unknown(name: str) -> str | None:
    """What is said of a name that is no command; None where it is one."""
    names = [command for stage in stages().values() for command in stage.commands]
    if name in names:
        return None
    close = difflib.get_close_matches(name, names, n=1)
    return f"no command {name!r}; " + (f"did you mean `{close[0]}`?" if close else "`lottery --help` lists them")


def parser(names: Iterable[str] | None = None) -> argparse.ArgumentParser:
    """The command line with some commands, or with all of them."""
    top = argparse.ArgumentParser(
        prog="lottery",
        usage="lottery [-h] [--version] COMMAND ...",
        description=_overview(),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"lottery {__version__}")
    commands = top.add_subparsers(dest="verb", required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog="lottery")
    wanted = None if names is None else set(names)
    for module, stage in stages().items():
        for name in stage.commands:
            if wanted is None or name in wanted:
                _add_command(commands, module, name)
    return top


def _add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", module: str, name: str) -> None:
    from lottery.commands.flags import add_command  # with all that commands are recorded by

    function = getattr(importlib.import_module(f"lottery.commands.{module}"), name.replace("-", "_"))
    add_command(commands, name, function, parse)


@cache
def _parser_of(name: str) -> argparse.ArgumentParser:
    return parser([name])


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line that begins with a command; old names of flags are still read."""
    for old in RENAMED.keys() & set(words):
        print(f"{old} is now named {RENAMED[old]}; version 0.3 will refuse the old name", file=sys.stderr)
    return _parser_of(words[0]).parse_args([RENAMED.get(word, word) for word in words])
