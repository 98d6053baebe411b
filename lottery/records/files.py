"""Read text, JSON and tables, and write them atomically; for arrays see `lottery.records.tensors`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery.errors import LotteryError, shortened

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; if the block succeeds, it is renamed to `path`.

    So a killed job, a full disk or a second writer leaves either the old file or the new one, and never a part of it.
    Raises LotteryError if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_error(path: Path, error: OSError) -> LotteryError:
    return LotteryError(f"{path}: cannot be written ({error.strerror or error}); fix the cause and run again")


def check_writable(folder: Path) -> None:
    """Create a folder if needed; raise LotteryError if it is not writable.  Call it before long computations."""
    trial = folder / f".writable.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
    except OSError as error:
        raise _write_error(folder, error) from error
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(content: Any) -> str:
    """JSON in the format of all our files: indented, with keys in the given order.  Rejects NaN and infinity."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically."""
    write_text(path, json_text(content))


def read_json(path: Path) -> Any:
    """Read JSON; raises LotteryError with the path if the file is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LotteryError(f"{path}: cannot be read as JSON ({error}); delete it and run again") from error


def read_table(path: Path, numbers: Sequence[str] = (), words: Sequence[str] = ()) -> pd.DataFrame:
    """Read CSV; columns of whole numbers stay whole numbers, even with missing values.

    numbers: required columns with numbers or missing values.  words: further required columns.
    Raises LotteryError with the path if the file is missing or damaged, or a column is missing.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path).convert_dtypes()
        for column in numbers:
            table[column] = pd.to_numeric(table[column])
        if missing := set(words) - set(table.columns):
            raise KeyError(min(missing))
        return table
    except (OSError, ValueError, TypeError) as error:
        raise LotteryError(f"{path}: cannot be read as CSV ({shortened(error)}); delete it and run again") from error
    except KeyError as error:
        raise LotteryError(
            f"{path}: has no column {error}: another table, or from another version; give the right one, or delete it and run"
            " again"
        ) from error


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
