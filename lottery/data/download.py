"""Files from the web: said before, verified after, and given up in a stated time whatever hangs."""

import hashlib
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue

from tqdm import tqdm

from lottery.errors import LotteryError, shortened
from lottery.records.files import replaced

SECONDS = 30.0  # in which a mirror has to send `LEAST_BYTES`, again and again
LEAST_BYTES = 30_000
ATTEMPTS = 3  # at a mirror that answers, but not with the file
BLOCK = 2**16


class SilentError(LotteryError):
    """A mirror that sends nothing, or next to nothing: asking again would take as long."""


def _read(url: str, seconds: float, arrived: Queue[bytes | Exception]) -> None:
    """Pass on what comes from `url`, block by block; an empty one is the end."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "lottery"})
        with urllib.request.urlopen(request, timeout=seconds) as response:
            while block := response.read1(BLOCK):
                arrived.put(block)
        arrived.put(b"")
    except Exception as error:  # of names, connection, TLS, HTTP: all are for who waits
        arrived.put(error)


def _blocks(url: str, seconds: float) -> Iterator[bytes]:
    """What comes from `url`.

    A thread reads, as no timeout of Python's covers the look-up of a name, nor a header or a body that trickles.
    """
    arrived: Queue[bytes | Exception] = Queue(maxsize=16)
    threading.Thread(target=_read, args=(url, seconds, arrived), daemon=True).start()
    deadline, received = time.monotonic() + seconds, 0
    while True:
        try:
            block = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            block = TimeoutError()
        if isinstance(block, TimeoutError) or (block and time.monotonic() > deadline and received < LEAST_BYTES):
            raise SilentError(f"{url}: {received:,} bytes came in {seconds:g} s")
        if isinstance(block, Exception):
            raise LotteryError(f"{url}: {shortened(block) or type(block).__name__}") from block
        if not block:
            return
        yield block
        received += len(block)
        if received >= LEAST_BYTES:
            deadline, received = time.monotonic() + seconds, 0


def _has(path: Path, md5: str) -> bool:
    """Whether a file is there with this checksum (which is no secret: MD5 is what is published)."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5


def _download(url: str, path: Path, md5: str, seconds: float) -> None:
    print(f"downloading {url} (given up after {seconds:g} s with less than {LEAST_BYTES // 1000} kB)", flush=True)
    with replaced(path) as temporary:
        with temporary.open("wb") as file, tqdm(unit="B", unit_scale=True, disable=None) as bar:
            for block in _blocks(url, seconds):
                file.write(block)
                bar.update(len(block))
        if not _has(temporary, md5):
            size = temporary.stat().st_size
            raise LotteryError(f"{url}: {size:,} bytes with a wrong checksum; cut off, or not the published file")


def download(urls: Sequence[str], path: Path, md5: str, seconds: float | None = None) -> None:
    """The file at one of `urls` (mirrors of each other) as `path`, unless it is there already."""
    if _has(path, md5):
        return
    faults: dict[str, LotteryError] = {}
    for attempt in range(ATTEMPTS):
        for url in urls:
            if isinstance(faults.get(url), SilentError):
                continue
            time.sleep(2 * attempt)
            try:
                return _download(url, path, md5, SECONDS if seconds is None else seconds)
            except LotteryError as error:
                faults[url] = error
    raise LotteryError("; ".join(map(str, faults.values())))
