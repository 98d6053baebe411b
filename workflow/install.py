"""`pip install` with what the user has told pip about where packages come from and how they are fetched, and nothing else.

Which options these are is in pip's own help.  Others would install elsewhere (`user = true`, a target), or not at all.

    python workflow/install.py --editable . --constraint constraints.txt
"""

import ast
import os
import re
import subprocess
import sys

PIP = [sys.executable, "-m", "pip"]
HEADINGS = ("Package Index Options", "General Options")
NOT_TAKEN = {
    "python",
    "isolated",
    "help",
    "version",
}  # of the general ones: another Python, another configuration, no install
LEVELS = ("global", "install", ":env:")  # of pip's configuration; the last one wins


def options(text: str) -> set[str]:
    """Names of the options that stand under `HEADINGS` in the help of `pip install`."""
    found, heading = set(), ""
    for line in text.splitlines():
        if title := re.fullmatch(r"([A-Z][A-Za-z ]+):", line):
            heading = title[1]
        elif heading in HEADINGS:
            found |= set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", line))
    return found - NOT_TAKEN


def told() -> dict[str, str]:
    """What pip is told, as variables of its environment: from its files, and from the environment itself."""
    # With `user = true`, `pip config list` would list the user's own file alone.
    listed = _output("config", "list", PIP_USER="0").splitlines()
    taken = options(_output("install", "--help"))
    values = {}
    for level in LEVELS:
        for line in listed:
            name, _, value = line.partition("=")
            if name.startswith(f"{level}.") and name.removeprefix(f"{level}.").removeprefix("default-") in taken:
                values[f"PIP_{name.removeprefix(f'{level}.').replace('-', '_').upper()}"] = ast.literal_eval(value)
    return values


def _output(*words: str, **variables: str) -> str:
    return subprocess.run(
        [*PIP, *words], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    ).stdout


def main() -> int:
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment = {**others, "PIP_CONFIG_FILE": os.devnull, **told()}
    return subprocess.run([*PIP, "install", *sys.argv[1:]], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
