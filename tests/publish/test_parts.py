"""The parts of publishing that need no build."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from sphinx.errors import ExtensionError

from softbook.claims import ledger
from softbook.explore.explorable import MIME
from softbook.publish import assets, cache, offline, store
from softbook.publish.graph import HEIGHT, WIDTH, Node, columns, draw
from softbook.publish.renderer import PLOTLY, ExplorableRenderer, check_ids, page_files
from softbook.publish.shell import control, shell

from .oracle import handmade

VOID = {"input", "br", "meta", "link", "img"}


class _Balance(HTMLParser):
    """Sees to it that every opened element is closed, and collects ids and labels."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.ids, self.labels = [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.labels += [values["for"]] if tag == "label" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _knob(kind, values, **more):
    return {
        "name": f"k-{kind}",
        "label": kind,
        "kind": kind,
        "values": values,
        "unit": "",
        "index": 0,
    } | {
        "texts": [str(v) for v in values],
        **more,
    }


def test_a_shell_is_sound_and_labels_every_control():
    payload, _ = handmade()
    kinds = [_knob("log", [1, 2]), _knob("choice", ["p", "q"]), _knob("linear", [0, 1])]
    payload["knobs"] += kinds
    payload["title"] = payload["summary"] = "1 < 2 & so on"
    html = shell(payload, "explorable-x", "data/x.js")
    reader = _Balance()
    reader.feed(html)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert reader.labels == [f"explorable-x-{knob['name']}" for knob in payload["knobs"]]
    assert set(reader.labels) < set(reader.ids)
    assert html.count("1 &lt; 2 &amp; so on") == 4
    folded = html.split("More controls")[1]
    assert folded.count("data-knob") == 2


def test_an_unknown_kind_of_knob_is_refused():
    with pytest.raises(ValueError, match="'dial' is given, but one of"):
        control(_knob("dial", [1]), "x")


def test_a_shell_without_knobs_has_no_controls():
    payload, _ = handmade()
    payload["knobs"] = []
    assert "softbook-controls" not in shell(payload, "k", "s")


def test_the_script_is_small_and_classic():
    text = assets.runtime()
    assert len(text.encode()) <= 40_000
    assert not re.search(r"^\s*(import|export)\s", text, re.MULTILINE)
    # A text over several lines would lose the space before them.
    assert all(line.count("`") % 2 == 0 for line in text.splitlines())
    assert "http://" not in text
    assert "https://" not in text


def test_assets_are_copied_once(tmp_path):
    assets.install(tmp_path)
    file = tmp_path / "mathjax" / "mathjax.css"
    assert (tmp_path / "softbook" / "plotly.min.js").stat().st_size > 4_000_000
    fonts = set(re.findall(r'url\("([^"]+)"\)', file.read_text("utf-8")))
    assert len(fonts) > 20
    assert all((file.parent / font).is_file() for font in fonts)
    assert list((tmp_path / "mathjax").rglob("*.js")) == []
    before, written = file.stat().st_ino, file.stat().st_mtime_ns
    # What older books had beside them.
    (file.parent / "sre" / "mathmaps").mkdir(parents=True)
    (file.parent / "tex-chtml.js").write_text("MathJax = {}", "utf-8")
    assets.install(tmp_path)
    assert {one.name for one in file.parent.iterdir()} == {"fonts", "mathjax.css"}
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before, written)


def test_a_data_file_over_its_budget_is_refused(tmp_path):
    payload, _ = handmade()
    size = store.write(payload, tmp_path).gzipped
    assert store.write(payload, tmp_path, budget=size).gzipped == size
    with pytest.raises(ValueError, match=f"handmade: its data take {size} bytes"):
        store.write(payload, tmp_path, budget=size - 1)


def test_a_page_over_its_budget_is_refused():
    files = {"a": store.DataFile("a", "a.js", 60), "b": store.DataFile("b", "b.js", 50)}
    store.check_page("book/x", files, budget=110)
    with pytest.raises(
        ValueError, match="110 bytes after gzip, but 109 are allowed; the largest is a"
    ):
        store.check_page("book/x", files, budget=109)


def test_old_data_files_leave_the_book(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "new.js").write_text("1")
    (target / "old.js").write_text("0")
    store.publish({"new.js"}, source, target)
    assert [file.name for file in target.iterdir()] == ["new.js"]


def _renderer(tmp_path, page="book/a"):
    env = SimpleNamespace(docname=page, doctreedir=str(tmp_path))
    return SimpleNamespace(renderer=SimpleNamespace(sphinx_env=env)), env


def _data(payload, mime=MIME):
    return SimpleNamespace(mime_type=mime, content=payload)


def test_an_explorable_shown_twice_gets_two_ids(tmp_path):
    renderer, env = _renderer(tmp_path)
    payload, _ = handmade()
    first, second = (ExplorableRenderer.handle_mime(renderer, _data(payload), False) for _ in "ab")
    assert 'id="explorable-handmade"' in first[0].astext()
    assert 'id="explorable-handmade-2"' in second[0].astext()
    assert len({file.name for file in page_files(env)["book/a"].values()}) == 1


def test_one_id_for_two_explorables_stops_the_build(tmp_path):
    renderer, env = _renderer(tmp_path)
    payload, _ = handmade()
    ExplorableRenderer.handle_mime(renderer, _data(payload), False)
    env.docname = "book/b"
    ExplorableRenderer.handle_mime(renderer, _data(payload), False)
    check_ids(page_files(env))
    ExplorableRenderer.handle_mime(renderer, _data(payload | {"title": "Other"}), False)
    with pytest.raises(ExtensionError, match="'handmade' stands for another explorable on book/a"):
        check_ids(page_files(env))


def test_an_explorable_over_its_budget_stops_the_build(tmp_path):
    renderer, _ = _renderer(tmp_path)
    payload, _ = handmade()
    noise = np.random.default_rng(0).bytes(150_000).hex()
    with pytest.raises(ExtensionError, match="book/a: handmade: its data take"):
        ExplorableRenderer.handle_mime(renderer, _data(payload | {"noise": noise}), False)


def test_a_plain_plotly_figure_is_drawn_too(tmp_path):
    renderer, _ = _renderer(tmp_path)
    figure = {
        "data": [{"type": "bar", "x": ["a"], "y": [1.5]}],
        "layout": {"title": {"text": "Bars"}},
    }
    (node,) = ExplorableRenderer.handle_mime(renderer, _data(figure, PLOTLY), False)
    assert ">Bars<" in node.astext()


def test_other_outputs_are_left_to_others(tmp_path):
    renderer, _ = _renderer(tmp_path)
    assert ExplorableRenderer.handle_mime(renderer, _data("x", "text/plain"), False) is None
    assert ExplorableRenderer.handle_mime(renderer, _data({}, MIME), True) is None


def test_the_key_follows_every_file_and_name(tmp_path):
    (tmp_path / "a.py").write_text("1")
    first = cache.files_key([tmp_path / "a.py"], tmp_path)
    (tmp_path / "a.py").write_text("2")
    second = cache.files_key([tmp_path / "a.py"], tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    third = cache.files_key([tmp_path / "b.py"], tmp_path)
    fourth = cache.files_key([tmp_path / "b.py"], tmp_path, ["torch 9"])
    assert len({first, second, third, fourth}) == 4


def test_committed_results_belong_to_the_key(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with_data = cache.library_key(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    assert len({with_data, cache.library_key(tmp_path), cache.library_key()}) == 3


def test_caches_of_other_keys_are_deleted(tmp_path):
    old = tmp_path / ".jupyter_cache" / "old"
    old.mkdir(parents=True)
    kept = cache.cache_folder(tmp_path, "new")
    kept.mkdir(parents=True)
    assert not old.exists()
    assert cache.cache_folder(tmp_path, "new") == kept
    assert kept.is_dir()


def test_columns_stand_right_of_what_they_use():
    depends = {"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": [], "e": ["d", "a"]}
    placed = columns(depends)
    column = {id: k for k, ids in enumerate(placed) for id in ids}
    assert sorted(column) == sorted(depends)
    assert all(column[id] > column[other] for id, uses in depends.items() for other in uses)


def test_a_circle_of_claims_is_refused():
    with pytest.raises(ValueError, match="a, b use each other in a circle"):
        columns({"a": ["b"], "b": ["a"]})


def test_the_graph_links_and_escapes():
    nodes = {
        "a": Node("$x < y$ & more", "proved", "page.html#claim-a", ()),
        "b": Node("second", "exact", "#claim-b", ("a",)),
        "c": Node("alone", "quoted", "#claim-c", ()),
    }
    svg = draw(nodes)
    assert 'href="page.html#claim-a"' in svg
    assert "x &lt; y &amp; more" in svg
    assert "alone" not in svg
    assert 'aria-label="second (exact); uses x &lt; y &amp; more"' in svg
    assert svg.count('class="edge"') == 1
    assert draw({"c": nodes["c"]}) == ""


def test_the_graph_has_a_heading_for_each_chapter_and_nothing_lies_on_another():
    groups = {"a": "One", "b": "One", "c": "Two", "d": "Two", "e": "One"}
    uses = {"a": (), "b": ("a",), "e": ("a",), "c": ("b",), "d": ("a",)}
    svg = draw({id: Node(id, "proved", f"#{id}", uses[id], groups[id]) for id in uses})
    headings = [int(y) for y in re.findall(r'softbook-group" x="\d+" y="(\d+)"', svg)]
    boxes = [(int(x), int(y)) for x, y in re.findall(r'<rect x="(\d+)" y="(\d+)"', svg)]
    assert len(headings) == 2
    assert len(set(boxes)) == 5
    by_id = dict(zip(uses, boxes, strict=True))
    assert max(by_id[id][1] for id in "abe") + HEIGHT < headings[1] < by_id["c"][1]
    assert all(by_id[id][0] > by_id[other][0] for id in uses for other in uses[id])


def _points(path):
    """Points along an SVG path of cubic curves."""
    numbers = np.array(re.findall(r"-?[\d.]+", path), dtype=float).reshape(-1, 2)
    t = np.linspace(0, 1, 40)[:, None]
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    pieces = [numbers[k : k + 4] for k in range(0, len(numbers) - 1, 3)]
    return np.concatenate([sum(w * p for w, p in zip(weights, c, strict=True)) for c in pieces])


def _crossed(svg):
    """Pairs of an arrow and a box that it runs across."""
    boxes = np.array(re.findall(r'<rect x="(\d+)" y="(\d+)"', svg), dtype=float)
    found = []
    for path in re.findall(r'class="edge" d="([^"]+)"', svg):
        inside = (_points(path)[:, None] - boxes - 1 >= 0) & (
            _points(path)[:, None] - boxes + 1 <= np.array([WIDTH, HEIGHT])
        )
        found += [(path, k) for k in np.flatnonzero(inside.all(-1).any(0))]
    return found


def test_arrows_run_across_no_box():
    book = {claim.id: claim for claim in ledger()}
    nodes = {id: Node(c.title, c.evidence, f"#{id}", c.depends) for id, c in book.items()}
    svg = draw(nodes)
    assert svg.count('class="edge"') == sum(len(claim.depends) for claim in book.values())
    assert _crossed(svg) == []
    # The planted fault: an arrow straight through a box.
    x, y = map(int, re.search(r'<rect x="(\d+)" y="(\d+)"', svg).groups())
    across = f"M{x - 9},{y + 20} C{x},{y + 20} {x + 90},{y + 20} {x + WIDTH + 9},{y + 20}"
    assert _crossed(f'{svg}<path class="edge" d="{across}"/>') == [(across, 0)]


@pytest.mark.parametrize(
    ("html", "count"),
    [
        ('<link rel="stylesheet" href="https://a.org/x.css">', 1),
        ('<link rel="canonical" href="https://a.org/x">', 0),
        ('<a href="https://a.org">', 0),
        ('<img src="//a.org/x.png">', 1),
        ('<img srcset="https://a.org/x.png 2x, y.png">', 1),
        ("<style>b { background: url('https://a.org/x.png') }</style>", 1),
        ('<p style="background: url(https://a.org/x.png)">', 1),
        ('<iframe src="https://a.org">', 1),
        ('<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>', 0),
    ],
)
def test_requests_are_told_from_links(html, count):
    assert len(offline.requests_of(html)) == count
