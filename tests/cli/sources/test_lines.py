"""Lines from bytes, from files, from files that grow, and from pipes."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import pytest

from aura_tda_gpu.cli.sources import live_feed
from aura_tda_gpu.cli.sources.follow_feed import FollowFeed
from aura_tda_gpu.cli.sources.lines import FileFeed, Line, LineSplitter
from aura_tda_gpu.cli.sources.live_feed import LiveFeed
from aura_tda_gpu.errors import SourceError

from ..commands import until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and open files of POSIX")

TEXTS = [
    b"a\nb\n\n c \nd",
    b"a\r\nb\r\n\r\n c \r\nd",
    b"a\rb\r\r c \rd",
    "\ufeffa\nb\n\n c \nd".encode(),
    b"\xff\xfe" + "a\r\nb\r\n\r\n c \r\nd".encode("utf-16-le"),
    b"\xfe\xff" + "a\nb\n\n c \nd".encode("utf-16-be"),
]
LINES = [Line(1, "a"), Line(2, "b"), Line(4, " c "), Line(5, "d", whole=False)]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_do_not_depend_on_the_cut(text, size):
    splitter = LineSplitter("x")
    found = []
    for start in range(0, len(text), size):
        found += splitter.feed(text[start : start + size])
    assert found + splitter.end() == LINES


def test_a_line_is_there_as_soon_as_it_ends():
    splitter = LineSplitter("x")
    assert splitter.feed(b"a\r") == [Line(1, "a")]
    assert splitter.feed(b"\nb") == []
    assert splitter.rest == "b"
    assert splitter.feed(b"c\n") == [Line(2, "bc")]


def test_only_line_ends_end_a_line():
    text = "a\x0bb\x0cc\x1cd\u2028e\x85f\n"
    assert LineSplitter("x").feed(text.encode()) == [Line(1, text[:-1])]


@pytest.mark.parametrize("end", [b"", b"\nb\n"])
def test_a_line_without_end_is_refused_after_those_before_it(end):
    splitter = LineSplitter("x")
    assert splitter.feed(b"a\n" + b"1" * (1 << 20) + end) == [Line(1, "a")]
    assert "x, line 2: is too long" in str(splitter.fault)


def test_a_file(tmp_path):
    (tmp_path / "a").write_bytes(TEXTS[0])
    feed = FileFeed("a", (tmp_path / "a").open("rb"))
    assert feed.peek() == LINES[0]
    assert feed.get(3, None) == LINES[:3]
    assert not feed.ended
    assert feed.get(3, None) == LINES[3:]
    assert feed.get(3, None) == []
    assert feed.ended
    assert feed.fraction() == 1.0
    feed.close()


class Follower:
    """A file that is followed, and what was said of it."""

    def __init__(self, path):
        self.path = path
        self.said = []
        self.feed = FollowFeed(path, self.said.append)

    def append(self, text):
        with self.path.open("a") as file:
            file.write(text)

    def texts(self):
        return [(line.number, line.text) for line in self.feed.get(100, 0)]


@pytest.fixture
def follower(tmp_path):
    path = tmp_path / "a"
    path.write_text("a\nb")
    follower = Follower(path)
    yield follower
    follower.feed.close()


def test_half_a_line_waits_for_its_rest(follower):
    assert follower.texts() == [(1, "a")]
    assert follower.feed.idle()
    assert follower.texts() == []
    follower.append("c")
    assert not follower.feed.idle()
    assert follower.texts() == []
    follower.append("d\ne\n")
    assert follower.texts() == [(2, "bcd"), (3, "e")]
    assert not follower.feed.ended
    assert follower.said == []


def test_a_file_that_is_cut_short_is_read_from_its_start(follower):
    follower.append("\nc\n")
    assert len(follower.texts()) == 3
    follower.path.write_text("x\n")
    assert follower.texts() == [(1, "x")]
    assert follower.said == [f"{follower.path}: was cut short; reading from its start"]


def test_a_file_that_is_replaced_is_read_to_its_end_first(follower):
    assert follower.texts() == [(1, "a")]
    follower.append("c\nd\nhalf")
    follower.path.rename(follower.path.with_name("old"))
    assert follower.texts() == [(2, "bc"), (3, "d")]
    assert follower.texts() == []  # no file has the name
    follower.path.write_text("much longer than the old file was\n")
    assert follower.texts() == [(1, "much longer than the old file was")]
    (said,) = follower.said
    assert "was replaced, half a line was dropped; reading from its start" in said


def test_what_was_written_before_the_name_went_elsewhere_is_not_lost(follower):
    class Rotating:
        """A handle whose file is rotated right after it was found to be at its end."""

        def __init__(self, handle):
            self.handle = handle
            self.pending = True

        def __getattr__(self, name):
            return getattr(self.handle, name)

        def read(self, size):
            block = self.handle.read(size)
            if not block and self.pending:
                self.pending = False
                follower.append("c\nlast\n")
                follower.path.rename(follower.path.with_name("old"))
                follower.path.write_text("new\n")
            return block

    assert follower.texts() == [(1, "a")]
    follower.feed._handle = Rotating(follower.feed._handle)
    found = [line.text for _ in range(2) for line in follower.feed.get(100, 20)]
    assert found == ["bc", "last", "new"]
    assert follower.said == [f"{follower.path}: was replaced; reading from its start"]


def test_a_wait_ends_when_the_file_grows(follower):
    follower.texts()
    timer = threading.Timer(0.2, follower.append, ["\n"])
    timer.start()
    assert follower.feed.get(10, None) == [Line(2, "b")]
    timer.join()


def test_only_regular_files_are_followed(tmp_path):
    with pytest.raises(SourceError, match="only a regular file can be followed"):
        FollowFeed(tmp_path.parent / "x" / ".." / os.devnull, print)
    with pytest.raises(SourceError, match="No such file"):
        FollowFeed(tmp_path / "none", print)


@pytest.fixture
def pipe():
    """A feed at the reading end of a pipe, its writing end, and the threads there were."""
    before = threading.active_count()
    reading, writing = os.pipe()
    feed = LiveFeed("pipe", os.fdopen(reading, "rb"), 100)
    yield feed, writing
    feed.close()
    assert threading.active_count() == before


def test_a_pipe_hands_lines_over_as_they_come(pipe):
    feed, writing = pipe
    assert feed.get(10, 0.01) == []
    assert feed.idle()
    os.write(writing, b"a\nb")
    assert feed.get(10, 20) == [Line(1, "a")]
    os.write(writing, b"c\nd\ne\n")
    until(lambda: feed.queue()[0] == 3)
    assert not feed.idle()
    assert feed.peek() == Line(2, "bc")
    assert feed.get(2, None) == [Line(2, "bc"), Line(3, "d")]
    assert feed.get(2, None) == [Line(4, "e")]
    os.write(writing, b"half")
    os.close(writing)
    assert feed.get(2, None) == [Line(5, "half", whole=False)]
    assert feed.get(2, None) == []
    assert feed.ended


def test_a_pipe_is_not_silent_while_a_block_is_being_filed(monkeypatch):
    came, go_on = threading.Event(), threading.Event()

    class Slow(LineSplitter):
        def feed(self, block):
            came.set()
            assert go_on.wait(20)
            return super().feed(block)

    monkeypatch.setattr(live_feed, "LineSplitter", Slow)
    reading, writing = os.pipe()
    feed = LiveFeed("pipe", os.fdopen(reading, "rb"), 100)
    try:
        assert feed.idle()
        os.write(writing, b"half")
        assert came.wait(20)
        assert not feed.idle()
        go_on.set()
        until(feed.idle)
        os.write(writing, b" a line\n")
        assert feed.get(10, 20) == [Line(1, "half a line")]
        until(feed.idle)
    finally:
        go_on.set()
        os.close(writing)
        feed.close()


def test_a_flood_is_held_back_by_the_pipe(pipe):
    feed, writing = pipe
    os.set_blocking(writing, False)
    block = b"".join(b"%07d\n" % i for i in range(512))
    capacity_of_the_pipe = 1 << 16
    written = 0

    def held_back():
        nonlocal written
        with suppress(BlockingIOError):
            written += os.write(writing, block[written % len(block) :])
        return feed.held_seconds > 0.2

    until(held_back)
    assert feed.queue() == (100, 100)
    assert written <= capacity_of_the_pipe + 2 * (1 << 16) + 8 * 100
    held_so_far = feed.held_seconds
    assert held_so_far > 0.2
    os.close(writing)
    found = []
    while not feed.ended:
        assert feed.queue()[0] <= 100
        found += feed.get(37, None)
    assert [line.text for line in found] == [f"{i % 512:07d}" for i in range(written // 8)]
    held = feed.held_seconds
    assert held >= held_so_far
    assert feed.held_seconds == held


def test_closing_ends_a_thread_that_is_held_back():
    before = threading.active_count()
    reading, writing = os.pipe()
    feed = LiveFeed("pipe", os.fdopen(reading, "rb"), 2)
    os.write(writing, b"a\n" * 100)
    until(lambda: feed.queue()[0] == 2)
    feed.close()
    os.close(writing)
    assert threading.active_count() == before


def test_a_pipe_that_cannot_be_read(tmp_path):
    handle = (tmp_path / "a").open("wb")
    feed = LiveFeed("a", handle, 10)
    with pytest.raises(SourceError, match="a: cannot be read: Bad file descriptor"):
        feed.get(1, None)
    feed.close()


def test_a_live_line_without_end_is_refused(pipe):
    feed, writing = pipe
    writer = threading.Thread(target=os.write, args=[writing, b"a\n" + b"1" * (1 << 20) + b"\n"])
    writer.start()
    assert feed.get(10, None) == [Line(1, "a")]
    with pytest.raises(SourceError, match="pipe, line 2: is too long"):
        feed.get(10, None)
    writer.join()
