"""Numba's compiler, for machines where nothing can be kept too."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from numba import njit


@cache
def _say_once() -> None:
    print(
        "compiled code cannot be kept, so every command compiles it again; set HOME to a folder that can be written to",
        file=sys.stderr,
    )


@contextmanager
def _no_folder_in_place_of_a_home() -> Iterator[None]:
    """Without a home, Numba would make a folder called `~` here; other programs that this process starts keep their cache."""
    if os.path.isabs(os.path.expanduser("~")) or "XDG_CACHE_HOME" in os.environ:
        yield
        return
    os.environ["XDG_CACHE_HOME"] = os.devnull
    try:
        yield
    finally:
        del os.environ["XDG_CACHE_HOME"]


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code, kept beside its file, else in the user's cache, else for this process alone."""
    try:
        with _no_folder_in_place_of_a_home():
            return njit(cache=True)(function)
    except RuntimeError as error:
        if "no locator" not in str(error):  # Numba's words for: no folder can be written to
            raise
        _say_once()
        return njit(function)
