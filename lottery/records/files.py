"""How text, JSON and tables reach the disk, atomically; arrays: `lottery.records.tensors`."""

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
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` only if the block ends well.

    So a killed job, a full disk or a second writer leaves the old file or the new one, never a part.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> LotteryError:
    return LotteryError(f"{path}: cannot be written ({error.strerror or error}); mend that and run again")


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before long work is done for it."""
    trial = folder / f".writable.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(content: Any) -> str:
    """JSON as our files have it: indented, keys in the given order."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically."""
    write_text(path, json_text(content))


def read_json(path: Path) -> Any:
    """Read JSON; a missing or damaged file is a LotteryError that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LotteryError(f"{path}: cannot be read as JSON ({error}); delete it and run again") from error


def read_table(path: Path, numbers: Sequence[str] = (), words: Sequence[str] = ()) -> pd.DataFrame:
    """Read CSV, counts as whole numbers also where some are missing; a damaged file is a LotteryError that names it.

    numbers: columns that must be there and hold numbers, or nothing.  words: further columns that must be there.
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
            f"{path}: has no column {error}: another table, or of another version; give the right one, or delete it and run again"
        ) from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
