"""The browser and the books of the browser tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from softbook.publish.browser import FLAGS, chromium

from ..said import LINES
from .harness import ROOT, Watch, build, copy_mini, served, toc_pages

REQUIRED = os.environ.get("SOFTBOOK_REQUIRE_BROWSER") == "1"
HTML = Path(os.environ.get("SOFTBOOK_HTML", ROOT / "_build" / "html"))
MINI_PAGES = ("book/index", "book/second", "book/ledger")
# Chapters of the small book, not tests.
collect_ignore = ["minibook"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on every page of the small book, and of the real one as its table of contents has it."""
    if "where" not in metafunc.fixturenames:
        return
    pages = [("mini", page) for page in MINI_PAGES]
    if (ROOT / "_toc.yml").exists():
        pages += [("book", page) for page in toc_pages(ROOT / "_toc.yml")]
    marks = {"mini": (), "book": (pytest.mark.book,)}
    metafunc.parametrize(
        "where", [pytest.param(p, id=f"{p[0]}:{p[1]}", marks=marks[p[0]]) for p in pages]
    )


def _lack(sentence: str) -> None:
    """Fail where the browser is required; skip elsewhere, and say so at the end of the run."""
    LINES.append(f"WARNING: {sentence}")
    if REQUIRED:
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def browser() -> Any:
    path = chromium()
    if path is None:
        _lack("browser tests did not run: no Chromium found (install it or set SOFTBOOK_CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=path, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the small book once; return its html folder."""
    source = copy_mini(tmp_path_factory.mktemp("mini"))
    outcome = build(source)
    assert outcome.returncode == 0, outcome.stderr[-1500:]
    return source / "_build" / "html"


@pytest.fixture(autouse=True)
def computed_as_by_a_reader(as_reader: None) -> None:
    """What is drawn is compared with numbers; their shapes are checked where they are computed."""


@pytest.fixture
def spoiled(mini: Path, tmp_path: Path) -> Path:
    """A copy of the small book for planting faults."""
    return Path(shutil.copytree(mini, tmp_path / "html"))


@pytest.fixture
def spoiled_book(tmp_path: Path) -> Path:
    """A copy of the real book for planting faults."""
    if not (HTML / "index.html").exists():
        _lack(f"{HTML} holds no book: run make book first")
    return Path(shutil.copytree(HTML, tmp_path / "html"))


@pytest.fixture(scope="session")
def mini_entries(mini: Path) -> dict[str, Any]:
    """The small book's explorables, imported here as its pages import them."""
    file = mini.parents[1] / "book" / "minifigures.py"
    spec = importlib.util.spec_from_file_location("minifigures", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {entry.id: entry for entry in (module.curves, module.wave, module.kinds)}


@pytest.fixture
def html(where: tuple[str, str], request: pytest.FixtureRequest) -> Path:
    """The folder of the book that `where` names."""
    if where[0] == "mini":
        return Path(request.getfixturevalue("mini"))
    if not (HTML / f"{where[1]}.html").exists():
        _lack(f"{HTML} does not hold {where[1]}.html: run make book first")
    return HTML


@pytest.fixture
def entries(where: tuple[str, str], request: pytest.FixtureRequest) -> dict[str, Any]:
    if where[0] == "mini":
        return dict(request.getfixturevalue("mini_entries"))
    from softbook.explore import explorables

    return explorables()


@pytest.fixture
def open_page(browser: Any) -> Any:
    """Return a function that opens an address in a fresh context: (page, watch)."""
    contexts = []

    def opened(address: str, **options: Any) -> tuple[Any, Watch]:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        # What moves by itself moves in its own test alone.
        options.setdefault("reduced_motion", "reduce")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        watch = Watch(page)
        page.goto(address)
        return page, watch

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(params=["http", "file"])
def site(html: Path, request: pytest.FixtureRequest) -> Any:
    """The book's address, served and straight from the disk."""
    if request.param == "file":
        yield html.as_uri()
    else:
        with served(html) as address:
            yield address


@pytest.fixture
def mini_site(mini: Path) -> str:
    return mini.as_uri()
