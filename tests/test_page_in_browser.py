"""The summary page in a real browser: complete, and readable on wide and narrow screens and on paper."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from conftest import RESULTS
from test_page import full_tables, page_of

from lottery.results.page.inputs import Tables

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium or Chrome here (Debian: apt-get install chromium)"
)
needs_pdftotext = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="no pdftotext here (Debian: apt-get install poppler-utils)"
)
# Runs around a frame with the page, as a browser's own window has a least width.  What it finds is left in the document.
MEASURE = """
<script>addEventListener("load", () => setTimeout(() => {
  const frame = document.querySelector("iframe"), view = frame.contentWindow, page = frame.contentDocument;
  const all = (query, root = page) => [...root.querySelectorAll(query)];
  const named = (svg) => svg.getAttribute("role") === "img" && ["title", "desc"].every((tag) => svg.querySelector(":scope > " + tag)?.textContent);
  const ids = all("[id]").map((one) => one.id);
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => { const [r, g, b] = colour.map((c) => (c / 255 <= .04045 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4)); return .2126 * r + .7152 * g + .0722 * b; };
  const contrast = (one) => {
    let ground = one; while (rgb(view.getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const [a, b] = [view.getComputedStyle(one).color, view.getComputedStyle(ground).backgroundColor].map((c) => light(rgb(c).slice(0, 3)));
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  };
  const contrasts = ["light", "dark"].map((theme) => { page.documentElement.dataset.theme = theme; return Math.min(...all(".chip").map(contrast)); });
  delete page.documentElement.dataset.theme;
  const shown = all("body *").filter((one) => !one.children.length && one.getBoundingClientRect().height > 0);
  const first = shown.filter((one) => one.getBoundingClientRect().top < 800).map((one) => one.closest("p, li, td, th")?.innerText ?? one.innerText);
  all("details").forEach((fold) => (fold.open = true));
  const cut = all("td .chip, td .icon").filter((one) => one.getBoundingClientRect().right > one.closest(".wide").getBoundingClientRect().right + 1);
  const seen = {
    width: view.innerWidth, needed: page.documentElement.scrollWidth, fetched: view.performance.getEntriesByType("resource").length,
    violations: view.violations ?? [], twice: ids.filter((id, place) => ids.indexOf(id) !== place),
    figures: all("figure svg").map((svg) => svg.getBoundingClientRect().width), unnamed: all("figure svg").filter((svg) => !named(svg)).length,
    tables: all("table").length, uncaptioned: all("table").filter((one) => !one.caption?.textContent.trim()).length,
    headless: all("th").filter((one) => !["row", "col", "colgroup"].includes(one.getAttribute("scope"))).length, cut: cut.map((one) => one.closest("table").id), contrasts,
    headings: all("h1, h2, h3").map((one) => +one.tagName[1]),
    targets: all('a[href^="#"]').map((a) => page.getElementById(a.hash.slice(1)) !== null),
    broken: all("svg [href], svg *").flatMap((one) => [...one.attributes]).map((a) => /^#(.+)$|url\\(#(.+?)\\)/.exec(a.value)).filter((found) => found && !page.getElementById(found[1] ?? found[2])).length,
    small: all("button, nav a").filter((one) => { const box = one.getBoundingClientRect(); return box.height && box.height < 24; }).length,
    first: first.join(" "), text: page.body.innerText.length,
  };
  const answer = document.createElement("output");
  answer.textContent = JSON.stringify(seen);
  document.body.append(answer);
}, 200))</script>
"""
WATCH = '<head><script>addEventListener("securitypolicyviolation", (e) => (window.violations ??= []).push(e.violatedDirective))</script>'


def browse(folder: Path, *words: str) -> str:
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    command = [str(BROWSER), *options, "--virtual-time-budget=5000", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def measure(page: str, folder: Path, width: int) -> dict[str, Any]:
    """What a browser makes of the page in a window of this width, all folds open."""
    framed = escape(page.replace("<head>", WATCH, 1), quote=True)
    around = folder / "around.html"
    around.write_text(f'<!doctype html><body style="margin:0"><iframe style="width:{width}px;height:900px;border:0" srcdoc="{framed}"></iframe>{MEASURE}')  # fmt: skip
    shown = browse(folder, "--dump-dom", f"--window-size={width + 100},1000", around.as_uri())
    found = re.search(r"<output>(.*?)</output>", shown, re.S)
    assert found is not None, shown[-500:]
    return dict(json.loads(unescape(found.group(1))))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return full_tables(tmp_path_factory.mktemp("approximation"))


@pytest.fixture(scope="session")
def full_page(full: Tables) -> str:
    return page_of(full)


def check_layout(seen: dict[str, Any], width: int) -> None:
    assert seen["width"] == width
    assert seen["needed"] <= width, "the page must be scrolled sideways"
    assert seen["fetched"] == 0, "something came from outside the file"
    assert seen["violations"] == [], "something that the content policy forbids"
    assert seen["twice"] == [], "ids that are used more than once"
    assert seen["unnamed"] == seen["uncaptioned"] == seen["headless"] == seen["broken"] == seen["small"] == 0
    assert min(seen["contrasts"]) >= 7
    assert seen["headings"][0] == 1
    assert all(after - before <= 1 for before, after in zip(seen["headings"], seen["headings"][1:], strict=False))
    assert seen["targets"]
    assert all(seen["targets"])


@needs_browser
@pytest.mark.parametrize("width", [1280, 768, 420])
def test_the_page_of_the_demo_is_whole_and_fits_the_screen(demo: Path, tmp_path: Path, width: int) -> None:
    seen = measure((demo / RESULTS / "summary.html").read_text(), tmp_path, width)
    check_layout(seen, width)
    assert len(seen["figures"]) == len(list((demo / RESULTS / "figures").glob("*.svg")))
    assert all(figure > 200 for figure in seen["figures"])
    assert seen["tables"] >= 8
    assert seen["text"] > 4000


@needs_browser
@pytest.mark.parametrize("width", [1280, 768, 420])
def test_the_page_of_a_full_run_is_whole_and_fits_the_screen(full_page: str, tmp_path: Path, width: int) -> None:
    seen = measure(full_page, tmp_path, width)
    check_layout(seen, width)
    if width == 1280:
        assert seen["cut"] == [], "tables whose verdicts are off the screen"


@needs_browser
def test_a_demo_that_went_well_does_not_begin_with_a_failure(demo: Path, tmp_path: Path) -> None:
    seen = measure((demo / RESULTS / "summary.html").read_text(), tmp_path, 1280)
    assert "Did it work?" in seen["first"] or "Your demo ran" in seen["first"]
    assert not [answer for answer in ("not comparable", "not tested", "differs") if answer in seen["first"]]


USE = """
<script>addEventListener("load", () => {
  const table = document.getElementById("every-point"), column = [...table.tHead.rows[0].cells].findIndex((th) => th.textContent.startsWith("Ours"));
  const numbers = () => [...table.tBodies[0].rows].filter((row) => !row.hidden && row.cells[column].dataset.v).map((row) => +row.cells[column].dataset.v);
  table.closest("details").open = true;
  table.tHead.rows[0].cells[column].querySelector("button").click();
  const sorted = numbers();
  const box = document.querySelector('.filter[data-table="every-point"] input[value="fc2"]');
  box.click();
  document.getElementById("theme").click();
  const answer = document.createElement("output");
  answer.textContent = JSON.stringify({ sorted, sort: table.tHead.rows[0].cells[column].getAttribute("aria-sort"), left: numbers().length, theme: document.documentElement.dataset.theme });
  document.body.append(answer);
})</script>
"""


@needs_browser
def test_tables_are_sorted_and_filtered_and_the_theme_changes(full: Tables, full_page: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(full_page + USE)
    shown = browse(tmp_path, "--dump-dom", (tmp_path / "page.html").as_uri())
    found = re.search(r"<output>(.*?)</output>", shown, re.S)
    assert found is not None
    seen = json.loads(unescape(found.group(1)))
    ours = full.points_compared.ours.dropna()
    assert seen["sorted"] == sorted(map(float, ours))
    assert seen["sort"] == "ascending"
    assert seen["left"] == int((full.points_compared.network[ours.index] != "fc2").sum())
    assert seen["theme"] == "light"


def check_print(page: str, folder: Path, most: int) -> None:
    """Every head of a table, and what is folded on the screen, is on at most so many pages."""
    (folder / "page.html").write_text(page)
    pdf = folder / "page.pdf"
    browse(folder, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", (folder / "page.html").as_uri())
    printed = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    squeezed = re.sub(r"\s", "", printed)
    heads = re.findall(r"<th [^>]*>([^<]+)", page)
    assert len(heads) > 50
    first_words = {re.sub(r"\s", "", unescape(head).split()[0]) for head in heads}
    assert not [word for word in first_words if word not in squeezed]
    for text in printed.split("\f"):
        assert "of similar accuracy" not in text or re.search(r"Verdict +Network +Structure", text), (
            "a page without heads"
        )
    assert printed.count("How it was done") == page.count("How it was done")
    assert "Theme:" not in printed
    assert printed.count("\f") <= most, "pages"


@needs_browser
@needs_pdftotext
def test_the_printed_page_of_the_demo_has_every_column_and_what_is_folded(demo: Path, tmp_path: Path) -> None:
    check_print((demo / RESULTS / "summary.html").read_text(), tmp_path, 7)


@needs_browser
@needs_pdftotext
def test_the_printed_page_of_a_full_run_has_every_column_and_what_is_folded(full_page: str, tmp_path: Path) -> None:
    check_print(full_page, tmp_path, 17)
