"""The summary page: what it says follows from the tables, and it needs nothing from outside."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from conftest import RESULTS, ROOT
from test_results import approximation

from lottery.cli import main
from lottery.errors import LotteryError
from lottery.records.files import read_json, read_table, write_json
from lottery.records.provenance import provenance_path
from lottery.results.page import rehearsal
from lottery.results.page.background import cost_section
from lottery.results.page.chips import CHIPS, chip
from lottery.results.page.findings import faults, findings
from lottery.results.page.first_screen import curves_tile, tiles
from lottery.results.page.inputs import Tables, table_files
from lottery.results.page.numbers import fixed, in_type, rounded, seconds
from lottery.results.page.origin import origin, processor
from lottery.results.page.outcome import outcome, verdict_record
from lottery.results.page.page import summary_page
from lottery.results.page.svg import dark, drawing
from lottery.results.page.table import Column, table_of
from lottery.results.tables.claims import CLAIMS, answer_claims
from lottery.results.tables.comparison import compare
from lottery.results.tables.experiment_1 import cost, table1
from lottery.results.tables.frontier import frontier, point_rows
from lottery.results.tables.lineage import origins, stages
from lottery.results.tables.theory import slopes, success, thresholds
from lottery.results.tables.tickets import tickets

REFERENCE = ROOT / "results/reference/tables"


def full_tables(folder: Path) -> Tables:
    """Experiment 1 as published, and the kept tables of experiment 2."""
    folders = {"min_error": approximation(folder)}
    table = table1(folders)
    kept = {name: read_table(REFERENCE / f"{name}.csv") for name in ("points", "points_compared", "claims", "frontier", "theory_thresholds", "theory_slopes", "controls", "exactness_thresholds", "exactness_networks")}  # fmt: skip
    return Tables(
        table1=table, comparison=compare(table), cost=cost(folders, []), cross_check=pd.DataFrame(), tickets=tickets({}),
        stages=stages([]), origins=origins([]), **kept,
    )  # fmt: skip


def page_of(tables: Tables) -> str:
    """The page of these tables, with the kept figures."""
    return summary_page(tables, sorted((REFERENCE.parent / "figures").glob("*.svg")), REFERENCE, REFERENCE.parent)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return full_tables(tmp_path_factory.mktemp("approximation"))


@pytest.fixture(scope="session")
def rehearsed(demo: Path) -> Tables:
    """The tables of the demo."""
    return Tables(**{name: read_table(path) for name, path in table_files(demo / RESULTS / "tables").items()})


@pytest.fixture(scope="session")
def full_page(full: Tables) -> str:
    return page_of(full)


def test_the_page_needs_no_other_file_and_is_small(full_page: str) -> None:
    assert "default-src 'none'" in full_page
    assert not re.search(r"@import|url\((?!#)", full_page)
    assert len(full_page.encode()) < 2**20
    assert len((ROOT / "lottery/results/page/page.js").read_text().splitlines()) <= 60


def test_the_first_screen_counts_what_the_tables_say(full: Tables) -> None:
    found = outcome(full)
    counts = full.points_compared.verdict.value_counts()
    assert not found.rehearsal
    tile = curves_tile(found)
    assert tile is not None
    judged = counts["reproduced"] + counts.get("differs", 0)
    assert tile.value == f"{counts['reproduced']} of {judged}"
    assert f"all {len(full.points_compared)} were run" in tile.text
    assert f"{counts['differs']} differ;" in tile.text
    few = full.points_compared.assign(verdict=["differs", "not run", *full.points_compared.verdict[2:]])
    some = curves_tile(outcome(replace(full, points_compared=few)))
    assert some is not None
    assert f"1 of {len(few)} not run" in some.text
    assert sum(count for _, count in tile.bar) == len(full.points_compared)
    own = full.points_compared.why.fillna("").str.contains("runs of this point").sum()
    assert f"{own} of {judged} judged by a spread of their own" in tile.text
    assert [tile.title for tile in tiles(full, found)][:3] == [
        "Table 1",
        "Curves, point by point",
        "What the figures say",
    ]


def test_a_number_outside_its_band_is_said_first(full: Tables, tmp_path: Path) -> None:
    table = table1({"min_error": approximation(tmp_path, remaining=5_000_000)})
    tile = tiles(replace(full, comparison=compare(table)), outcome(full))[0]
    assert tile.chips == [("differs", "")]
    assert "Outside: remaining / target" in tile.text
    assert tile.value == "5 of 6 numbers"


def test_the_words_of_a_rehearsal_follow_its_numbers(rehearsed: Tables) -> None:
    assert outcome(rehearsed).rehearsal
    assert all(check.ok is not False for check in rehearsal.checks(rehearsed) if "first moment" not in check.text)
    table = rehearsed.table1.copy()
    worse = table.row == "min_error"
    table.loc[worse, "accuracy_normalised"] = table.loc[worse, "target_accuracy_normalised"] - 2
    table.loc[worse, "largest_error"] = 0.02
    table.loc[worse, "beyond_epsilon"] = 3
    after = replace(rehearsed, table1=table)
    assert "2.00 points were lost" in rehearsal.story(after)
    assert "no accuracy was lost" not in rehearsal.story(after)
    assert "2.0 times farther than ε = 0.01" in rehearsal.tiles(after)[1].text
    assert rehearsal.checks(after)[0].ok is False


def test_a_solver_that_finds_a_nearer_sum_fails_the_check(rehearsed: Tables) -> None:
    checked = rehearsed.cross_check.assign(solver_error=lambda table: table.exact_error - 1e-6)
    failed = [check for check in rehearsal.checks(replace(rehearsed, cross_check=checked)) if not check.ok]
    assert any("nearer sum" in check.text for check in failed)


def test_what_was_not_run_has_no_section(full: Tables, full_page: str) -> None:
    assert 'id="tickets"' not in full_page
    assert "GPU time" not in full_page
    nothing = replace(full, frontier=frontier(point_rows([], dict)), theory_slopes=slopes(thresholds(success([]))))
    page = summary_page(nothing, [], REFERENCE, REFERENCE.parent)
    assert not {"frontier", "theory"} & set(re.findall(r'<section id="(\w+)"', page))


def test_exact_sums_have_a_section_where_their_tables_are(full: Tables, full_page: str) -> None:
    [section] = re.findall(r'<section id="exactness".*?</section>', full_page, re.S)
    networks = full.exactness_networks
    assert f"{(networks.inexact == 0).sum()} of {len(networks)} quantised networks are exact sums" in section
    assert "predictions 0 differ" in section
    thresholds_missing = replace(full, exactness_thresholds=full.exactness_thresholds.iloc[:0])
    without = summary_page(thresholds_missing, [], REFERENCE, REFERENCE.parent)
    assert "exact-networks" in without
    assert "exact-thresholds" not in without


def test_controls_have_a_section_with_table_and_figure(full_page: str) -> None:
    section = full_page[full_page.index('<section id="controls">') :].partition("</section>")[0]
    assert "Mean test accuracy of 6 pruned networks" in section
    assert 'id="figure-controls_fc2"' in section
    assert 'href="tables/controls.csv"' in section
    assert "98.06" in section


def test_a_cell_of_the_claims_leads_to_its_evidence(full_page: str) -> None:
    """The row that a cell names has the same answer as the cell."""
    cells = re.findall(r'href="#(evidence-\d+)"><span class="icon [a-z]+" title="([^"]+)"', full_page)
    assert len(cells) >= 10
    for name, answer in cells:
        row = re.search(rf'<tr id="{name}">(.*?)</tr>', full_page, re.S)
        assert row is not None
        assert f"</span> {answer}</span>" in row.group(1)


def test_verdicts_are_written_for_scripts(full: Tables, demo: Path) -> None:
    record = verdict_record(full)
    assert record["points"]["counts"] == full.points_compared.verdict.value_counts().to_dict()
    assert len(record["points"]["points"]) == len(full.points_compared)
    assert len(record["claims"]["claims"]) == len(full.claims)
    assert record["table_1"]["approximations"] == {"min_error": "reproduced"}
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert read_json(demo / RESULTS / "tables/verdicts.json")["points"]["points"] == []


def test_every_answer_has_a_chip_and_another_word_is_an_error() -> None:
    answers = set(
        answer_claims(pd.read_csv(REFERENCE / "points.csv"), pd.read_csv(REFERENCE / "points_compared.csv")).answer
    )
    assert answers <= CHIPS.keys()
    assert len(CLAIMS) > 5
    with pytest.raises(LotteryError, match="'perhaps' is no answer"):
        chip("perhaps")


def test_tables_of_an_older_version_are_named(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(demo / RESULTS / "tables", tmp_path / "tables", ignore=shutil.ignore_patterns("*.provenance.json"))
    path = tmp_path / "tables/tickets.csv"
    pd.read_csv(path).drop(columns="pixels").to_csv(path, index=False)
    assert main(["summarise", "--tables", str(path.parent), "--output", str(tmp_path / "page.html")]) == 1
    assert "tickets.csv: has no column 'pixels'" in capsys.readouterr().err


def test_a_figure_becomes_a_part_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "errors.svg"
    path.write_text(
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" viewBox="0 0 600 9">'
        '<metadata>made by</metadata><defs><style>*{fill: red}</style><path id="m" d="M 1.23456 2"/></defs>'
        '<g id="axes_1"><use xlink:href="#m" style="fill: #0072b2; stroke: #000000" clip-path="url(#m)"/></g>'
        '<text style="font-family: Sans; fill: #0072b2" transform="rotate(-0 1 2)">one</text>'
        '<text style="font-family: Sans; fill: #0072b2" transform="rotate(-90 1 2)">two</text></svg>'
    )
    found = drawing(path, "A <title>", "What is drawn", "f0-")
    assert not re.search(r"made by|fill: red|width=|xml version", found.source)
    root = ElementTree.fromstring(found.source)
    mark, use = (root.find(f".//{{*}}{tag}") for tag in ("path", "use"))
    name, rules = mark.get("id"), root.findtext("{*}style")
    assert name != "m", "a name that no other drawing has"
    assert use.get("href") == f"#{name}"
    assert not root.findall(".//{*}g"), "groups that say nothing"
    assert (
        f".{use.get('class')}{{fill:var(--c0072b2,#0072b2); stroke:var(--ink,#000000);clip-path:url(#{name})}}" in rules
    )
    one, two = root.findall("{*}text")
    assert one.get("class") == two.get("class"), "a style stands once"
    assert (one.get("transform"), two.get("transform")) == (None, "rotate(-90 1 2)")
    assert f".{root.get('class')}{{font-family: Sans; }}" in rules
    assert found.source.count("font-family") == 1
    assert mark.get("d") == "M1.2 2"
    assert "A &lt;title&gt;" in found.source
    assert found.colours == {"c0072b2": "#0072b2"}
    assert found.wide
    path.write_text("<svg")
    with pytest.raises(LotteryError, match=r"errors\.svg: cannot be read as SVG"):
        drawing(path, "", "", "f0-")


@pytest.mark.parametrize(
    ("group", "marks", "moved"),
    [
        ("", ["fill: #0072b2"] * 2, True),
        ('clip-path="url(#m)"', ["fill: #0072b2; stroke-opacity: 0.5"] * 2, True),
        ('style="fill: #ffffff"', ["fill: #0072b2"] * 2, False),  # a style of its own
        ("", ["fill: #0072b2", "fill: #d55e00"], False),
        ("", ["fill: #0072b2; opacity: 0.5"] * 2, False),  # would dim the group as a whole
        ("", ["fill: #0072b2", ""], False),
    ],
)
def test_a_class_that_all_marks_of_a_group_have_stands_at_the_group(
    tmp_path: Path, group: str, marks: list[str], moved: bool
) -> None:
    path = tmp_path / "errors.svg"
    uses = "".join(f'<use xlink:href="#m" style="{style}"/>' if style else '<use xlink:href="#m"/>' for style in marks)
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 600 9">'
        f'<defs><path id="m" d="M 1 2" style="stroke: #000000"/></defs><g {group}>{uses}</g></svg>'
    )
    root = ElementTree.fromstring(drawing(path, "A title", "What is drawn", "f0-").source)
    found, rules = root.findall(".//{*}use"), root.findtext("{*}style")
    assert not moved or not any("class" in use.attrib for use in found)
    for style, use in zip(marks, found, strict=True):
        names = (root.find(".//{*}g") if moved else use).get("class", "").split()
        colour = re.search("#[0-9a-f]{6}", style)
        assert bool(names) == bool(colour)
        assert not colour or any(re.search(rf"\.{name}{{[^}}]*{colour[0]}", rules) for name in names)


def test_a_colour_on_a_dark_ground_has_the_other_lightness() -> None:
    assert dark("#0072b2") == "#5aa9e6"
    assert int(dark("#404040")[1:3], 16) > 180
    assert int(dark("#f0f0f0")[1:3], 16) < 60


def test_a_column_that_all_rows_agree_in_goes_into_the_caption() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", "x"], "c": ["holds", "holds"]})
    table = table_of(
        "t",
        "Some",
        frame,
        [Column("a", "A", decimals=1, missing="not run"), Column("b", "B", common=True), Column("c", "C", answer=True)],
    )
    assert table.caption == "Some (b: x)"
    assert [head.text for head in table.heads] == ["A", "C"]
    assert [row[0].text for row in table.rows] == ["1.0", "not run"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (fixed(-0.59, 2), "−0.59"), (fixed(-0.001, 2), "0.00"), (fixed(397_000), "397,000"), (rounded(4.2e-7), "4.2 × 10⁻⁷"),
        (rounded(0.00043), "0.00043"), (rounded(23.4), "23"), (seconds(7e-7), "0.70 µs"), (seconds(0.013), "13 ms"),
        (seconds(0.89), "0.89 s"), (seconds(773 * 3600), "773 h"), (in_type("s >= 0.9, 3.2e+03, U[-1, 1)"), "s ≥ 0.9, 3.2 × 10³, U[−1, 1)"),
        (in_type("2026-11-25"), "2026-11-25"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_a_reader_expects(written: str, expected: str) -> None:
    assert written == expected


def test_findings_fail_where_a_check_does(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(demo / RESULTS / "tables", tmp_path / "tables", ignore=shutil.ignore_patterns("*.provenance.json"))
    path = tmp_path / "tables/tickets.csv"
    pd.read_csv(path).assign(largest_error=1.0).to_csv(path, index=False)
    assert main(["findings", "--tables", str(path.parent)]) == 1
    told = capsys.readouterr()
    assert "FAULT The theorem's network" in told.out
    assert told.err.startswith("lottery findings: failed: The theorem's network")
    assert told.err.count("\n") == 1


def test_results_of_two_versions_are_no_fault(rehearsed: Tables) -> None:
    """Only what changed is computed again, so that results of several commits stand beside each other."""
    twice = pd.concat([rehearsed.origins, rehearsed.origins.assign(commit="0" * 40)])
    mixed = replace(rehearsed, origins=twice)
    assert faults(mixed) == faults(rehearsed)
    assert any(line.startswith("note  Results made by the same version") for line in findings(mixed))


def test_the_origin_says_settings_code_and_processor(
    demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(demo)  # where paths in records start
    tables = Tables(**{name: read_table(path) for name, path in table_files(RESULTS / "tables").items()})
    found = origin(tables, RESULTS / "tables")
    assert found.current == f"{tables.results} of {tables.results} results by today's code of their commands"
    assert found.settings is not None
    said = {row[0].text: row[1].text for row in found.settings.rows}
    assert "epsilon 0.01; " in said["lottery solve"]
    assert "objective min_cardinality, min_error" in said["lottery solve"]
    assert "sparsity 0, 0.5" in said["lottery prune"], "zero is a setting"
    assert "results/" not in " ".join(said.values()), "where files are decides nothing"
    assert origin(tables, tmp_path).settings is None, "tables that were copied without their records"


def test_results_of_a_command_that_is_gone_are_not_by_todays_code(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    tables = Tables(**{name: read_table(path) for name, path in table_files(RESULTS / "tables").items()})
    record = provenance_path(RESULTS / "data/mnist5k.safetensors")
    write_json(record, read_json(record) | {"verb": "fetch-all"})
    assert origin(tables, RESULTS / "tables").current.startswith(f"{tables.results - 1} of {tables.results} results")


def test_the_model_of_the_processor_is_read_where_the_system_tells(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags\t: fpu\n")
    assert processor(tmp_path / "cpuinfo") == "Some CPU @ 3 GHz"
    assert processor(tmp_path / "none")


def test_runs_without_records_are_not_in_the_cost_and_the_page_says_so(full: Tables, rehearsed: Tables) -> None:
    costs = replace(full, stages=rehearsed.stages[rehearsed.stages.stage != "prune"])
    said = cost_section(costs)
    assert said is not None
    assert said.answer.endswith("came as tables without records and are not in here.")
    whole = cost_section(rehearsed)
    assert whole is not None
    assert "without records" not in whole.answer
