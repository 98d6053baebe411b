"""The command `lottery`: finds a command by its name, runs it, and says in one line what a person can put right."""

import argparse
import io
import os
import sys

from lottery.commands.parser import parse, parser, unknown
from lottery.errors import LotteryError
from lottery.plugins import load_plugins


def _mistakes() -> tuple[type[Exception], ...]:
    """What a user can fix.  Errors of heavy modules are known only where the command has loaded those."""
    known = (("lottery.subset_sum.problem", "SubsetSumError"), ("torch", "OutOfMemoryError"))  # of a GPU
    loaded = [getattr(sys.modules[module], name) for module, name in known if module in sys.modules]
    return LotteryError, OSError, MemoryError, *loaded


def _leave_the_users_environment() -> None:
    """What is set up for other programs neither fails a command nor changes a figure."""
    os.environ |= {
        "MPLBACKEND": "Agg",
        "MATPLOTLIBRC": os.devnull,
    }  # matplotlib fails on import where it knows a name not
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where a terminal or pipe has fewer letters than we print


def _run(arguments: argparse.Namespace) -> None:
    from lottery.records.provenance import ProvenanceTracker
    from lottery.records.result_cache import (  # after parsing, so that help and usage errors are instant
        cache_if_grouped,
        restore,
    )

    load_plugins(arguments.plugin)
    provenance = ProvenanceTracker(arguments.verb, vars(arguments))
    if (finished := restore(provenance)) is not None:
        print(f"{finished} was finished by an earlier attempt")
        return
    arguments.run(arguments, provenance)
    if result := provenance.save():
        cache_if_grouped(result)
        print(f"wrote {result}")


def main(argv: list[str] | None = None) -> int:
    """Run one command; an error that the user can fix is one line on stderr and status 1."""
    _leave_the_users_environment()
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0].startswith("-"):
        parser([]).parse_args(words)  # ends the process
    if text := unknown(words[0]):
        print(f"lottery: {text}", file=sys.stderr)
        return 2
    try:
        _run(parse(words))
    except _mistakes() as error:
        print(f"lottery {words[0]}: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lottery {words[0]}: stopped; finished work is kept, run the same command to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
