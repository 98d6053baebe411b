"""The commands `build-ticket` and `verify`: what they say of a ticket and of files that are wrong, in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from test_ticket_file import SOME_CLAIMS

from lottery.cli import main
from lottery.errors import LotteryError
from lottery.results.tables.tickets import tickets
from lottery.tickets.construction import Construction, build
from lottery.tickets.file import read_ticket, write_ticket

WEIGHTS, DATA = Path("results/demo/targets/fc2_raw/weights.safetensors"), Path("results/demo/data/mnist5k.safetensors")
TICKET = Path("results/demo/tickets/min_cardinality/ticket.safetensors")


def test_verify_says_what_was_checked_and_what_was_not(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(demo)
    assert main(["verify", str(TICKET)]) == 0
    assert capsys.readouterr().out.count("not checked") == 2
    elsewhere = shutil.copy(TICKET, tmp_path / "mine.safetensors")
    written = tmp_path / "certificate.json"
    options = ["--target", str(WEIGHTS), "--data", str(DATA), "--output", str(written)]
    assert main(["verify", str(elsewhere), *options]) == 0
    said = capsys.readouterr().out
    assert "not checked" not in said
    assert "397,000 within 0.2" in said
    assert written.read_bytes() == TICKET.with_name("certificate.json").read_bytes()
    assert json.loads(written.read_text())["predictions_that_differ"] >= 0


def test_verify_leaves_the_files_that_it_reads_alone(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for path, name in ((TICKET, "t"), (WEIGHTS, "w"), (DATA, "d")):
        shutil.copy(demo / path, f"{name}.safetensors")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("lottery.tickets.certificate.certify", lambda *_: pytest.fail("verified before that was said"))
    files = ["t.safetensors", "--target", "w.safetensors", "--data", "d.safetensors"]
    for name in before:
        assert main(["verify", *files, "--output", name]) == 1
        told = capsys.readouterr()
        assert told.err == f"lottery verify: {name}: is also an input of this command; choose another output\n"
        assert told.out == ""
    assert main(["verify", *files, "--output", "t.safetensors/o"]) == 1
    assert "t.safetensors: cannot be written" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("option", "place", "message"),
    [
        ("--output", "w.safetensors", "w.safetensors: is also an input of this command"),
        ("--counts", "d.safetensors", "d.safetensors: is also an input of this command"),
        ("--output", "w.safetensors/o", "w.safetensors: cannot be written"),
        ("--counts", ".", ".: is a folder"),
    ],
)
def test_build_ticket_rejects_invalid_outputs_before_building(
    demo, tmp_path, monkeypatch, capsys, option, place, message
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(demo / WEIGHTS, "w.safetensors")
    shutil.copy(demo / DATA, "d.safetensors")
    monkeypatch.setattr("lottery.tickets.construction.build", lambda *_: pytest.fail("built before that was said"))
    words = {"--target": "w.safetensors", "--data": "d.safetensors", "--output": "o", "--counts": "c", option: place}
    assert main(["build-ticket", *(word for pair in words.items() for word in pair)]) == 1
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.safetensors", "w.safetensors"]


def test_verify_damaged_ticket_fails_in_one_line(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(demo)
    path = tmp_path / "ticket.safetensors"
    content = bytearray(TICKET.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    assert main(["verify", str(path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert str(path) in told.err
    assert "checksum" in told.err


def test_verify_other_files_fails_in_one_line(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(demo)
    for path in (WEIGHTS, DATA, Path("Snakefile"), Path("nowhere.safetensors")):
        assert main(["verify", str(path)]) == 1
        told = capsys.readouterr()
        assert told.err.count("\n") == 1
        assert str(path) in told.err


def test_numbers_of_a_ticket_that_say_too_little_are_one_line(demo, tmp_path):
    for name in ("certificate.json", "counts.json"):
        shutil.copy((demo / TICKET).with_name(name), tmp_path / name)
    [row] = tickets({"mine": tmp_path}).itertuples()
    assert (row.row, row.bits_per_weight) == ("mine", 8 * (demo / TICKET).stat().st_size / 397_000)
    whole = json.loads((tmp_path / "certificate.json").read_text())
    (tmp_path / "certificate.json").write_text(json.dumps({k: v for k, v in whole.items() if k != "target_accuracy"}))
    with pytest.raises(LotteryError, match="says nothing of target_accuracy"):
        tickets({"mine": tmp_path})
    (tmp_path / "counts.json").write_text("[]")
    with pytest.raises(LotteryError, match="no ticket's numbers of this version"):
        tickets({"mine": tmp_path})


def test_a_ticket_of_normalised_pixels_needs_both_signs_and_says_what_it_sees(tmp_path, target):
    normalised = replace(target, pixels="normalised")
    settings = Construction(24, epsilon=0.2, objective="min_cardinality")
    with pytest.raises(LotteryError, match=r"signed_inputs: this fc2 was trained on normalised pixels"):
        build(normalised, settings)
    ticket = build(normalised, replace(settings, signed_inputs=True))
    assert ticket.pixels == "normalised"
    write_ticket(tmp_path / "ticket.safetensors", ticket, SOME_CLAIMS)
    assert read_ticket(tmp_path / "ticket.safetensors")[0].pixels == "normalised"
    raw = build(target, replace(settings, signed_inputs=True))
    write_ticket(tmp_path / "raw.safetensors", raw, SOME_CLAIMS)
    assert b"pixels" not in (tmp_path / "raw.safetensors").read_bytes(), "files from before there were two kinds"
