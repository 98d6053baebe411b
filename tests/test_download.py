"""Downloads from real servers that answer, and from those that do not: each ends in a stated time."""

import dataclasses
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from lottery.cli import main
from lottery.data.datasets import DATASETS
from lottery.data.download import download
from lottery.data.vision import torchvision
from lottery.errors import LotteryError
from lottery.registry import Registry

CONTENT = b"content" * 10_000
MD5 = hashlib.md5(CONTENT).hexdigest()
HEADER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT)
SECONDS = 1.0  # that a mirror gets here

Behaviour = Callable[[BaseRequestHandler, threading.Event], None]
Serve = Callable[[str], str]


def answers(handler: BaseRequestHandler, over: threading.Event) -> None:
    handler.request.sendall(HEADER + CONTENT)


def accepts_and_never_answers(handler: BaseRequestHandler, over: threading.Event) -> None:
    over.wait(60)


def trickles(handler: BaseRequestHandler, over: threading.Event, start: bytes) -> None:
    handler.request.sendall(start)
    while not over.wait(0.05):
        handler.request.sendall(b"x")


def closes(handler: BaseRequestHandler, over: threading.Event) -> None:
    handler.request.close()


def is_cut_off(handler: BaseRequestHandler, over: threading.Event) -> None:
    handler.request.sendall(HEADER + CONTENT[:50_000])


def sends_another_file(handler: BaseRequestHandler, over: threading.Event) -> None:
    handler.request.sendall(HEADER + CONTENT[::-1])


def has_no_such_file(handler: BaseRequestHandler, over: threading.Event) -> None:
    handler.request.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


SERVERS: dict[str, Behaviour] = {
    "answers": answers,
    "silent": accepts_and_never_answers,
    "trickles": partial(trickles, start=HEADER),
    "trickles a header": partial(trickles, start=b"HTTP/1.1 200 OK\r\nX-Long: "),
    "closes": closes,
    "is cut off": is_cut_off,
    "another file": sends_another_file,
    "no such file": has_no_such_file,
}
FAULTS = {
    "silent": "received 0 bytes in 1 s",
    "trickles": r"received \d+ bytes in 1 s",
    "trickles a header": "received 0 bytes in 1 s",
    "closes": "closed|reset",
    "is cut off": "wrong checksum; truncated",
    "another file": "wrong checksum",
    "no such file": "HTTP Error 404",
}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server that behaves so; returns the address of its folder."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("lottery.data.download.ATTEMPTS", 1)
    over = threading.Event()
    servers = []

    def start(name: str) -> str:
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    self.request.recv(10_000)
                    SERVERS[name](self, over)

        server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("behaviour", FAULTS)
def test_a_mirror_that_fails_is_given_up_in_a_stated_time_and_named(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str], behaviour: str
) -> None:
    url, started = f"{serve(behaviour)}file", time.monotonic()
    with pytest.raises(LotteryError, match=FAULTS[behaviour]) as caught:
        download([url], tmp_path / "file", MD5, SECONDS)
    assert time.monotonic() - started < 30
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert f"downloading {url} (gives up after 1 s with less than 30 kB)" in capsys.readouterr().out
    assert not list(tmp_path.iterdir()), "nothing may be left of a file that did not come"


def test_the_next_mirror_is_asked_and_a_file_that_is_there_is_kept(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = [f"{serve(name)}file" for name in ("silent", "no such file", "answers")]
    download(urls, tmp_path / "file", MD5, SECONDS)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [url in capsys.readouterr().out for url in urls[:1]] == [True]
    download(urls, tmp_path / "file", MD5, SECONDS)
    assert not capsys.readouterr().out


def test_a_silent_mirror_is_asked_once_and_one_that_fails_again(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lottery.data.download.ATTEMPTS", 2)
    silent, missing = f"{serve('silent')}file", f"{serve('no such file')}file"
    with pytest.raises(LotteryError, match=r"received 0 bytes in .*; .*HTTP Error 404"):
        download([silent, missing], tmp_path / "file", MD5, SECONDS)
    said = capsys.readouterr().out
    assert (said.count(silent), said.count(missing)) == (1, 2)


def test_fetch_says_what_it_downloads_and_ends_in_one_line(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrors = [serve("silent"), serve("trickles")]
    monkeypatch.setattr(torchvision().datasets.MNIST, "mirrors", mirrors)
    monkeypatch.setattr("lottery.data.download.WINDOW_SECONDS", SECONDS)
    assert main(["fetch", "--dataset", "mnist", "--output", str(tmp_path / "data.safetensors")]) == 1
    said = capsys.readouterr()
    for mirror in mirrors:
        assert f"downloading {mirror}train-images-idx3-ubyte.gz" in said.out
        assert f"{mirror}train-images-idx3-ubyte.gz: " in said.err
    assert said.err.count("\n") == 1
    assert "set `source: FOLDER`" in said.err


def test_the_real_files_are_downloaded_verified_and_kept(
    tmp_path: Path, mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder's address stands for a mirror that has them; they may be gzipped in another way than the published ones."""
    monkeypatch.setattr(torchvision().datasets.MNIST, "mirrors", [f"{mnist_folder.as_uri()}/"])
    mnist = DATASETS["mnist"]
    files = [
        dataclasses.replace(file, md5=hashlib.md5((mnist_folder / f"{file.name}.gz").read_bytes()).hexdigest())
        for file in mnist.idx_files
    ]
    monkeypatch.setattr(
        "lottery.data.datasets.DATASETS",
        Registry("dataset", {"mnist": dataclasses.replace(mnist, idx_files=tuple(files))}),
    )
    assert main(["fetch", "--dataset", "mnist", "--output", str(tmp_path / "data.safetensors")]) == 0
    assert len(list((tmp_path / "downloads/MNIST/raw").iterdir())) == 4
