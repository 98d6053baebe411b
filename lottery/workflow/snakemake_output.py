"""The `lottery` commands in what Snakemake runs or prints."""

import re
import shlex

# A rule's command line: see the rules' `shell`.
_COMMAND = re.compile(r"\blottery ([a-z-]+ --.+?) 2>&1 \| tee ")


def parse_commands(text: str) -> list[list[str]]:
    """The words of each `lottery` command in Snakemake's output, its name first."""
    return [shlex.split(line) for line in _COMMAND.findall(text)]
