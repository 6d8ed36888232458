"""The report in a real browser, from the disk: quiet, offline, usable by keyboard, on a phone, and without a script."""

from __future__ import annotations

import csv
import html
import io
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from browser import Visit
from made_results import EVIL, finished

from bench.cells.cell import Cell
from bench.pages.boards import overview, summary
from bench.pages.cells import Cell as Place
from bench.pages.cells import Column, Line, Sheet, defused, number
from bench.pages.data_cards import data_card
from bench.pages.pages import STATIC, Pages, paragraphs, pieces
from bench.pages.site import Site
from bench.records import Store

pytestmark = [pytest.mark.slow, pytest.mark.browser]

TIMED = """(action) => {
    const began = performance.now(); (0, eval)(action); document.body.offsetHeight; return performance.now() - began;
}"""
TYPED = """(() => {{
    const box = document.querySelector('input[type=search]'); box.value = '{}'; box.dispatchEvent(new Event('input'));
}})()"""
KINDS = ("index", "board", "compare", "pareto", "ablations", "claims", "data", "about", "record", "whole")


def file_of(report: Path, kind: str) -> Path:
    patterns = {
        "board": "board-digits*", "compare": "compare-digits*", "pareto": "pareto-digits*",
        "record": "record/digits*cladapter*", "whole": "all/all-claims.html",
    }  # fmt: skip
    (found,) = report.glob(patterns.get(kind, f"{kind}.html"))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_quiet_offline_and_accessible(report: Path, browser: Any, kind: str, scheme: str) -> None:
    with Visit(browser, file_of(report, kind), color_scheme=scheme) as visit:
        visit.draw_all()
        assert visit.said == []
        assert [url for url in visit.asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert kind == "whole" or visit.serious() == []  # a thousand rows take axe half a minute


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_is_wider_than_a_phone(report: Path, browser: Any, kind: str) -> None:
    with Visit(browser, file_of(report, kind), viewport={"width": 390, "height": 844}) as visit:
        visit.draw_all()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_sorting_by_keyboard_alone(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "board")) as visit:
        assert visit.names()[0] == "cladapter"  # the best mean first
        for _ in range(60):
            visit.page.keyboard.press("Tab")
            if visit.page.evaluate("document.activeElement.textContent") == "method":
                break
        visit.page.keyboard.press("Enter")
        assert visit.names() == sorted(visit.names(), key=str.lower)
        visit.page.keyboard.press("Space")
        assert visit.names() == sorted(visit.names(), key=str.lower, reverse=True)
        sorted_by = visit.page.locator("th[aria-sort=descending]")
        assert sorted_by.inner_text() == "method"
        assert "sort=method&dir=down" in visit.page.url


def test_the_address_restores_the_table(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "board"), "#q=adapt&sort=seconds&dir=up&cols=method,seconds,accuracy") as visit:
        assert visit.names() == ["adaptformer", "cladapter"]
        heads = visit.page.locator(".sheet thead th:visible").all_inner_texts()
        assert heads == ["method", "accuracy %", "seconds a run"]
        assert visit.page.locator("input[type=search]").input_value() == "adapt"
        visit.page.evaluate("location.hash = 'q=lora'")
        visit.page.wait_for_function("document.querySelectorAll('.sheet tbody tr').length === 1")
        assert visit.names() == ["lora"]


def test_filter_columns_and_csv(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "board"), accept_downloads=True) as visit:
        visit.page.fill("input[type=search]", "a lora")
        assert visit.page.locator("[role=status]").first.inner_text() == "1 of 9 rows"
        visit.page.locator("summary", has_text="Columns").click()
        visit.page.get_by_label("ece %").check()
        assert "ece" in visit.page.url
        with visit.page.expect_download() as download:
            visit.page.get_by_role("button", name="CSV of these rows").click()
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
        assert [row["method"] for row in rows] == ["lora"]
        assert rows[0]["ece %"]
    static = list(csv.DictReader(next(report.glob("csv/digits*-board.csv")).open()))
    assert len(static) == 9


def test_two_methods_are_compared(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "compare"), "#a=knn&b=cladapter") as visit:
        assert visit.page.locator(".answer .verdict").inner_text() == "cladapter is better"
        visit.page.locator("select[name=b]").select_option("knn")
        assert "two different" in visit.page.locator(".answer").inner_text()
        assert "b=knn" in visit.page.url


def test_without_a_script_there_are_plain_tables(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "board"), java_script_enabled=False) as visit:
        assert len(visit.names()) == 9
        assert visit.page.locator(".tools").count() == 0
        assert visit.page.get_by_role("link", name="All rows as CSV").is_visible()
    with Visit(browser, file_of(report, "claims"), java_script_enabled=False) as visit:
        assert len(visit.names()) == STATIC
        visit.page.get_by_role("link", name="rows on a plain page").click()
        visit.page.wait_for_url("**/all-claims.html")  # with its load: a long page's rows arrive in pieces
        assert visit.page.locator("tbody tr").count() > STATIC


def test_print_leaves_the_tools_out(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "board"), color_scheme="dark") as visit:
        visit.page.emulate_media(media="print")
        assert not visit.page.locator(".tools").is_visible()
        assert not visit.page.locator("header nav").is_visible()
        assert visit.page.locator(".sheet table").is_visible()
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_names_that_look_like_code_stay_text(report: Path, browser: Any) -> None:
    (page,) = report.glob("board-image-folder*")
    (record,) = report.glob("record/image-folder*")
    for file in (page, record, report / "index.html", report / "data.html"):
        with Visit(browser, file) as visit:
            assert visit.said == []
            assert visit.page.locator("img[src=x]").count() == 0
    with Visit(browser, page) as visit:
        assert EVIL in visit.page.locator("dl.warnings").inner_text()
        assert "<img src=x onerror=alert(2)>" in visit.page.locator("h1").inner_text()


def test_the_printed_command_names_the_cells(report: Path, results: Path) -> None:
    named = []
    for file in report.glob("record/*.html"):
        (command,) = re.findall(r'<code id="command">(.*?)</code>', file.read_text(), re.DOTALL)
        words = shlex.split(html.unescape(command))
        assert words[:2] == ["bench", "run"]
        assert all(str(Cell.parse(word)) == word for word in words[2:])
        named += words[2:]
    assert sorted(named) == sorted({record.cell for record in Store(results).all() if record.status == "done"})


def test_the_copy_button_copies(report: Path, browser: Any) -> None:
    with Visit(browser, file_of(report, "record"), permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.page.get_by_role("button", name="Copy").click()
        visit.page.get_by_text("Copied.").wait_for()
        assert visit.page.evaluate("navigator.clipboard.readText()") == visit.page.locator("#command").inner_text()


def made_numbers(i: int) -> list[Place]:
    values = [(i * 7919 * (j + 1)) % 10_007 / 100 for j in range(8)]
    return [number(value, f"{value:.2f} [{value - 1:.2f}, {value + 1:.2f}]") for value in values]


def test_two_thousand_rows(tmp_path: Path, browser: Any, record_property: Any, capsys: Any) -> None:
    """Times are told, not judged: a busy machine is slow, not wrong."""
    metrics = (Column(f"m{i}", f"metric {i}", "number", first="down") for i in range(8))
    columns = (Column("method", "method"), *metrics)
    lines = tuple(Line((Place(f"method{i}[k={i % 37}]", href="x.html"), *made_numbers(i))) for i in range(2000))
    pages = Pages(tmp_path, "made")
    pages.assets()
    table = pages.sheet(Sheet("board", "2,000 rows", columns, lines, ("m0", "down")), "big")
    pages.write("index.html", "index.html", table=table, records=2000, failed=0, notes=[], answers=[])
    began = time.perf_counter()
    with Visit(browser, tmp_path / "index.html") as visit:
        ready = 1000 * (time.perf_counter() - began)
        sort = visit.page.evaluate(TIMED, "document.querySelectorAll('th button')[3].click()")
        narrow = visit.page.evaluate(TIMED, TYPED.format("k=5]"))
        assert visit.page.locator("tbody tr").count() == len([i for i in range(2000) if i % 37 == 5])
        visit.page.evaluate(TIMED, TYPED.format(""))
        everything = visit.page.evaluate(TIMED, "document.querySelector('.tools button:last-of-type').click()")
        assert visit.page.locator("tbody tr").count() == 2000
        first = [float(text.split()[0]) for text in visit.page.locator("tbody tr td:nth-child(4)").all_inner_texts()]
        assert first == sorted(first, reverse=True)
    told = f"2,000 rows: ready {ready:.0f} ms, sort {sort:.0f} ms, filter {narrow:.0f} ms, show all {everything:.0f} ms"
    record_property("times", told)
    with capsys.disabled():
        print(f"\n{told}")


def test_a_defect_is_noticed(report: Path, browser: Any) -> None:
    """The same looks find what is wrong where something is."""
    with Visit(browser, file_of(report, "about")) as visit:
        visit.page.evaluate("document.querySelector('main').append(new Image()); console.warn('odd')")
        visit.page.evaluate("document.querySelector('main img').src = 'https://example.invalid/x.png'")
        visit.page.wait_for_timeout(200)
        assert any(problem.startswith("image-alt") for problem in visit.serious())
        assert "warning: odd" in visit.said
        assert "https://example.invalid/x.png" in visit.asked


def test_formulas_in_a_csv_are_text() -> None:
    assert [defused(text) for text in ("=1+1", "@x", "+1.06 [0, 2]", "-2", "-x", "lora")] == [
        "'=1+1", "'@x", "+1.06 [0, 2]", "-2", "'-x", "lora",
    ]  # fmt: skip


def test_names_break_after_commas_only(tmp_path: Path, browser: Any) -> None:
    name = "clip_features[shots=1,val_shots=1,subset=caltech101]"
    assert "".join(pieces(name)) == name
    pages = Pages(tmp_path, "made")
    pages.assets()
    sheet = Sheet("board", "one row", (Column("dataset", "data set"),), (Line((Place(name, href="x.html"),)),))
    pages.write("index.html", "index.html", table=pages.sheet(sheet, "one"), records=1, failed=0, notes=[], answers=[])
    for script in (True, False):
        with Visit(browser, tmp_path / "index.html", java_script_enabled=script) as visit:
            assert visit.names() == [name]
            assert visit.page.locator("tbody a wbr").count() == len(pieces(name)) - 1 == 3


def test_passports_are_written_for_people() -> None:
    assert paragraphs("Holds ``x`` and `y`.\n\nMore.") == [["Holds ", "x", " and ", "y", "."], ["More."]]
    record, _ = finished("pacs/pico/lora/quick/seed=0")
    counted = [record.model_copy(update={"n": n}) for n in ({"train": 1200, "test": 300}, {"train": 1201})]
    found = data_card("pacs", counted, Path())
    assert found.splits == ["train", "test"]
    assert found.seen == [("pacs", "paper", "1,200, 1,201", "300")]


def test_an_empty_overview_has_its_columns() -> None:
    assert overview([]).csv().startswith("data set,protocol")


def test_what_all_blocks_share_is_hidden_at_first(results: Path) -> None:
    store = Site.read(Store(results))
    blocks = [summary(board) for board in store.boards() if board.place.dataset.startswith("pacs")]
    hidden = {column.key for column in overview(blocks).columns if column.hidden}
    assert len(blocks) == 3
    assert hidden == {"protocol", "recipe", "input", "backbones"}  # three subsets of one data set
    assert not any(column.hidden for column in overview(blocks[:1]).columns)
