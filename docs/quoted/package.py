"""What is generated from the package itself: commands and modules."""

import argparse
import ast
import os

from lottery.commands.parser import parser
from quoted.reading import ROOT, table


def commands() -> list[str]:
    """Every command's help, as `lottery COMMAND --help` prints it."""
    os.environ["COLUMNS"] = "110"
    [subparsers] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    lines = []
    for name, command in subparsers.choices.items():
        lines += [f"## lottery {name}", "", "```text", *command.format_help().rstrip().splitlines(), "```", ""]
    return lines[:-1]


def modules() -> list[str]:
    """Each module of the package with the first sentence of its docstring."""
    rows = []
    for path in sorted((ROOT / "lottery").rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.name != "__init__.py" and text:
            first = " ".join(text.split("\n\n")[0].split())
            rows.append([f"`{path.relative_to(ROOT)}`", first.replace("|", "\\|")])
    return table(["module", "what is in it"], rows)
