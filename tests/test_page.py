"""The summary page in a real browser: complete, readable on a wide and on a narrow screen, and with nothing from outside."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from conftest import RESULTS

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

# Run in the page when it is laid out; the answer is left where a dump of the document shows it.
MEASURE = """
<script>addEventListener("load", () => {
  const seen = {
    width: innerWidth,
    needed: document.documentElement.scrollWidth,
    fetched: performance.getEntriesByType("resource").length,
    figures: [...document.querySelectorAll("figure svg")].map(svg => svg.getBoundingClientRect().width),
    tables: document.querySelectorAll("table").length,
    targets: [...document.querySelectorAll("nav a")].map(a => document.querySelector(a.hash) !== null),
    text: document.body.innerText.length,
  };
  const answer = document.createElement("output");
  answer.textContent = JSON.stringify(seen);
  document.body.append(answer);
})</script>
"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome here (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [1400, 500], ids=["wide", "narrow"])
def test_the_page_is_laid_out_whole_and_fits_the_screen(demo: Path, tmp_path: Path, width: int) -> None:
    page = tmp_path / "summary.html"
    page.write_text((demo / RESULTS / "summary.html").read_text() + MEASURE)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", "--dump-dom"]
    command = [str(BROWSER), *options, f"--window-size={width},900", "--virtual-time-budget=5000", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r"<output>(.*?)</output>", shown)
    assert found is not None, shown[-500:]
    seen = json.loads(unescape(found.group(1)))
    assert abs(seen["width"] - width) < 60
    assert seen["needed"] <= seen["width"], "the page must be scrolled sideways"
    assert seen["fetched"] == 0, "something came from outside the file"
    assert len(seen["figures"]) == len(list((demo / RESULTS / "figures").glob("*.svg")))
    assert all(200 < figure <= seen["width"] for figure in seen["figures"])
    assert seen["tables"] >= 8
    assert seen["targets"]
    assert all(seen["targets"])
    assert seen["text"] > 4000
