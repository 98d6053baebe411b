"""Plugins: Python files of a user's that add datasets, networks, structures, solvers or objectives by name.

A plugin imports a registry (`DATASETS`, `NETWORKS`, `STRUCTURES`, `SOLVERS` or `OBJECTIVES`) from its module and registers
with it.  examples/ has one of each.
"""

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from lottery.errors import LotteryError, shortened


def load_plugins(paths: Iterable[Path]) -> None:
    """Import plugins, each file once in a process.  Raises LotteryError, with the file, where one cannot be imported."""
    for path in paths:
        _load(path)


def _load(path: Path) -> None:
    if not path.is_file():
        raise LotteryError(f"plugin {path}: there is no such file")
    name = f"lottery_plugin_{path.resolve().as_posix()}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise LotteryError(f"plugin {path}: is no Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's code does
        del sys.modules[name]
        raise LotteryError(f"plugin {path}: cannot be imported ({type(error).__name__}: {shortened(error)})") from error
