"""Download files: announce the URL, verify the checksum, and give up after a fixed time without progress."""

import hashlib
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue

from tqdm import tqdm

from lottery.errors import LotteryError, shortened
from lottery.records.files import atomic_write

WINDOW_SECONDS = 30.0  # a mirror must send at least `MIN_BYTES` in every such window
MIN_BYTES = 30_000
ATTEMPTS = 3  # per mirror that answers, but not with the right file
BLOCK = 2**16


class SilentError(LotteryError):
    """A mirror sent nothing, or too little; it is not tried again, because that would take as long."""


def _read(url: str, seconds: float, arrived: Queue[bytes | Exception]) -> None:
    """Put the bytes of `url` into the queue, block by block; an empty block is the end, an exception a failure."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "lottery"})
        with urllib.request.urlopen(request, timeout=seconds) as response:
            while block := response.read1(BLOCK):
                arrived.put(block)
        arrived.put(b"")
    except Exception as error:  # name look-up, connection, TLS or HTTP: the waiting thread raises it
        arrived.put(error)


def _blocks(url: str, seconds: float) -> Iterator[bytes]:
    """The bytes of `url`, block by block.

    Another thread reads them, because Python's timeouts do not cover name look-ups, nor headers or bodies that arrive slowly.
    Raises SilentError if too little arrives in `seconds`, and LotteryError for other failures.
    """
    arrived: Queue[bytes | Exception] = Queue(maxsize=16)
    threading.Thread(target=_read, args=(url, seconds, arrived), daemon=True).start()
    deadline, received = time.monotonic() + seconds, 0
    while True:
        try:
            block = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            block = TimeoutError()
        if isinstance(block, TimeoutError) or (block and time.monotonic() > deadline and received < MIN_BYTES):
            raise SilentError(f"{url}: received {received:,} bytes in {seconds:g} s, expected at least {MIN_BYTES:,}")
        if isinstance(block, Exception):
            raise LotteryError(f"{url}: {shortened(block) or type(block).__name__}") from block
        if not block:
            return
        yield block
        received += len(block)
        if received >= MIN_BYTES:
            deadline, received = time.monotonic() + seconds, 0


def _has(path: Path, md5: str) -> bool:
    """Whether the file exists and has this MD5, which is the published checksum."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5


def _download(url: str, path: Path, md5: str, seconds: float) -> None:
    print(f"downloading {url} (gives up after {seconds:g} s with less than {MIN_BYTES // 1000} kB)", flush=True)
    with atomic_write(path) as temporary:
        with temporary.open("wb") as file, tqdm(unit="B", unit_scale=True, disable=None) as bar:
            for block in _blocks(url, seconds):
                file.write(block)
                bar.update(len(block))
        if not _has(temporary, md5):
            size = temporary.stat().st_size
            raise LotteryError(
                f"{url}: received {size:,} bytes with a wrong checksum; truncated, or not the published file"
            )


def download(urls: Sequence[str], path: Path, md5: str, seconds: float | None = None) -> None:
    """Download a file from one of `urls` (mirrors) to `path`, unless it is already there with this MD5.

    seconds: per window in which `MIN_BYTES` must arrive; None: `WINDOW_SECONDS`.
    Raises LotteryError with the last fault of each mirror if all fail.
    """
    if _has(path, md5):
        return
    faults: dict[str, LotteryError] = {}
    for attempt in range(ATTEMPTS):
        for url in urls:
            if isinstance(faults.get(url), SilentError):
                continue
            time.sleep(2 * attempt)
            try:
                return _download(url, path, md5, WINDOW_SECONDS if seconds is None else seconds)
            except LotteryError as error:
                faults[url] = error
    raise LotteryError("; ".join(map(str, faults.values())))
