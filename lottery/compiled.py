"""Numba's compiler, for machines where nothing can be kept too."""

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit


@cache
def _say_once() -> None:
    print(
        "compiled code cannot be kept, so every command compiles it again; set HOME to a folder that can be written to",
        file=sys.stderr,
    )


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code, kept beside its file, else in the user's cache, else for this process alone."""
    if not os.path.isabs(os.path.expanduser("~")):  # no home at all: Numba would make a folder called `~` here
        os.environ.setdefault("XDG_CACHE_HOME", os.devnull)
    try:
        return njit(cache=True)(function)
    except RuntimeError as error:
        if "no locator" not in str(error):  # Numba's words for: no folder can be written to
            raise
        _say_once()
        return njit(function)
