"""The `lottery` commands in what Snakemake runs or prints."""

import re
import shlex

# A rule's command line: see the rules' `shell`.
_COMMAND = re.compile(r"\blottery ([a-z-]+ --.+?) 2>&1 \| tee ")


def commands_in(text: str) -> list[list[str]]:
    """The words of each command, its verb first."""
    return [shlex.split(line) for line in _COMMAND.findall(text)]
