"""A real browser for pages on the disk; tests that need it skip with a word where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = ["--headless", "--no-sandbox", "--disable-background-networking"]


def chromium() -> str:
    """The browser's file, from ``BENCH_CHROMIUM`` or the path; skips the test where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed (extra dev)")
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed (extra dev)")
    found = os.environ.get("BENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("no chromium here: apt-get install chromium")
    return found


@contextmanager
def opened() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One page, with everything it said and asked for.

    Attributes:
        said: Console messages and errors of scripts.
        asked: Addresses that were requested.
    """

    def __init__(self, browser: Any, file: Path, fragment: str = "", **options: Any) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri() + fragment)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def draw_all(self) -> None:
        """Scroll through the page, so that every chart is drawn."""
        for chart in self.page.locator(".chart").all():
            chart.scroll_into_view_if_needed()
            chart.locator("svg").first.wait_for()

    def names(self) -> list[str]:
        """The rows of the page's table, by name."""
        found: list[str] = self.page.locator(".sheet tbody th").all_inner_texts()
        return found

    def serious(self) -> list[str]:
        """Serious and critical violations that axe-core finds."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{violation['id']}: {node['target']}"
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]
