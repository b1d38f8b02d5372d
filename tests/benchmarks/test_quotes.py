"""Figures in the documents come from records: none drifts, none lacks one in silence."""

from __future__ import annotations

import re

import pytest

from benchmarks import quotes, record
from benchmarks.quoted_figures import NOT_HELD, NOT_MEASURED, QUOTES, WITHOUT_RECORD
from benchmarks.quotes import Quote, loose_figures, quoted, significant

ROOT = record.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
PEAK = re.search(r"600 MB \| \d+ MB \|", README)[0]


@pytest.mark.parametrize("file", sorted({quote.file for quote in QUOTES}))
def test_a_page_prints_the_figures_of_the_records(file):
    """Where this fails, run python -m benchmarks.quotes."""
    page = (ROOT / file).read_text(encoding="utf-8")
    assert quoted(QUOTES, file, page)[0] == page


@pytest.mark.parametrize("file", NOT_MEASURED)
def test_no_figure_of_a_page_is_without_a_record_in_silence(file):
    """Where this fails, quote a record in quoted_figures.py, or leave the figure out."""
    page = (ROOT / file).read_text(encoding="utf-8")
    _, spans = quoted(QUOTES, file, page)
    known = (*NOT_MEASURED[file], *WITHOUT_RECORD.get(file, ()))
    assert loose_figures(page, spans, known) == []


def test_every_page_is_held_or_has_a_reason():
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} | {"README.md"}
    assert pages == {*NOT_MEASURED, *NOT_HELD}
    assert {quote.file for quote in QUOTES} <= pages


def test_a_figure_that_drifts_is_seen_and_put_right():
    right = README.replace(PEAK, "600 MB | 9 MB |")
    assert right != README
    assert quoted(QUOTES, "README.md", right)[0] == README


def test_a_figure_that_nobody_knows_is_seen():
    page = "It takes 12.5 ms, or 3x as long, of 1 000 000 points/s.\n```\n7 ms\n```\nAnd `8 ms`."
    assert loose_figures(page, [], ()) == [
        "line 1: 12.5 ms",
        "line 1: 3x",
        "line 1: 1 000 000 points/s",
    ]
    assert loose_figures("two lines: 12\nms", [], ()) == ["line 1: 12\nms"]
    assert loose_figures(page, [(0, 30)], ("of 1 000 000 points/s",)) == []
    with pytest.raises(ValueError, match="strike it from the list"):
        loose_figures(page, [], ("of 7 points/s",))


def quote(text, *figures):
    return Quote("a.md", "engine_performance", text, lambda found: figures)


def test_a_passage_is_found_over_a_line_break_and_written_with_its_bold():
    one = quote("takes {} of {} here", "**5 ms**", "7")
    assert one.apply("It takes 4 ms of\n6 here.") == "It takes **5 ms** of\n7 here."
    assert one.apply("It takes **4 ms** of 7 here.") == "It takes **5 ms** of 7 here."


@pytest.mark.parametrize("page", ["nothing", "takes 1 of 2 here, takes 3 of 4 here"])
def test_a_passage_that_is_not_there_once_is_an_error(page):
    with pytest.raises(ValueError, match=r"passages like .*, not one"):
        quote("takes {} of {} here", "5", "7").apply(page)


@pytest.mark.parametrize("one", QUOTES, ids=lambda one: one.text[:40])
def test_a_quote_changes_with_its_record(one, monkeypatch):
    """Twice as long, or as much: other figures, or the lookup does not read the record."""
    before = one.printed()
    assert len(before) == one.text.count("{}")
    found = quotes._record_of(one.benchmark)
    monkeypatch.setattr(quotes, "_record_of", lambda name: doubled(found))
    assert one.printed() != before


def doubled(value):
    """Return a record with every float times 2.2, and twice the repeats."""
    if isinstance(value, dict):
        found = {
            key: inner if key in ("n", "m", "outliers") else doubled(inner)
            for key, inner in value.items()
        }
        return found | ({"repeat": 2 * found["repeat"]} if "repeat" in found else {})
    if isinstance(value, list):
        return [doubled(inner) for inner in value]
    return 2.2 * value if isinstance(value, float) else value


def test_a_figure_that_the_record_lost_is_named_and_left(tmp_path, monkeypatch, capsys):
    found = quotes._record_of("streaming_performance")
    less = [told for told in found["targets"] if not told["name"].endswith(": rate")]
    records = {"streaming_performance": {**found, "targets": less}}
    read = quotes._record_of
    monkeypatch.setattr(quotes, "_record_of", lambda name: records.get(name) or read(name))
    for file in dict.fromkeys(quote.file for quote in QUOTES):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    (tmp_path / "README.md").write_text(README.replace(PEAK, "600 MB | 99 MB |"))
    assert quotes.main(["--check", "--root", str(tmp_path)]) == 1
    assert "99 MB" in (tmp_path / "README.md").read_text()
    assert quotes.main(["--root", str(tmp_path)]) == 0
    assert (tmp_path / "README.md").read_text() == README
    printed = capsys.readouterr()
    assert "has no figure 'one scale, window of 1000000 points" in printed.err
    assert "- | peak memory" in printed.out


def test_numbers_are_rounded_as_they_are_printed():
    assert significant(1_290_781.8, 4) == "1 291 000"
    assert significant(2136.2, 3) == "2140"
    assert significant(49_998, 3) == "50 000"
    assert significant(3.14159, 3) == "3.14"
    assert quotes.times(192.07) == "192x"
    assert quotes.times(9.917) == "9.9x"
    assert quotes.cell("5", {"met": False}) == "**5**"
    assert quotes.cell("5", {"met": None}) == "5"
