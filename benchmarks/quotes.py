"""Figures in the text of the documents, held against the records they come from.

`quoted_figures.QUOTES` has a line for each passage: its words, with ``{}`` where a figure stands,
and how the figures follow from a record. ``python -m benchmarks.quotes`` puts the figures of the
records into the documents, ``--check`` only tells which differ. Other figures with a unit, such as
settings and targets, stand in `quoted_figures.NOT_MEASURED`.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from . import record
from .forms import read

__all__ = [
    "DASH",
    "Quote",
    "cell",
    "figure",
    "loose_figures",
    "main",
    "quoted",
    "significant",
    "times",
    "worst",
]

DASH = "\N{EN DASH}"
KIND = "linux-x86_64-2cores"  # of the machine whose records the documents quote
UNIT = r"(?:%|x\b|ms\b|s\b|us\b|µs|MB\b|GB\b|KB\b|kB\b|points/s|times\b|seconds\b)"
FIGURE = re.compile(rf"(?<![\w.,-])\d[\d.,]*(?: \d{{3}})*(?:[{DASH}-]\d[\d.]*)?\s?{UNIT}")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE)

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Quote:
    """A passage that quotes a record.

    Attributes
    ----------
    file : str
        The document, from the root of the repository.
    benchmark : str
        Whose record it quotes; with a machine kind where that is another one than `KIND`.
    text : str
        The passage; ``{}`` stands for a figure. A line break counts as a space.
    figures : callable
        From the record to the figures as they are printed, in their order.
    """

    file: str
    benchmark: str
    text: str
    figures: Callable[[Record], Sequence[str]]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds the passage, whatever its figures are."""
        parts = [r"\s+".join(map(re.escape, part.split(" "))) for part in self.text.split("{}")]
        return re.compile(r"(\*{0,2}[^\s|*][^|*\n]*?\*{0,2})".join(parts))

    def printed(self) -> list[str]:
        """Return the figures of the record, as they are printed."""
        return list(self.figures(_record_of(self.benchmark)))

    def apply(self, document: str) -> str:
        """Return the document with the figures of the record.

        Raises
        ------
        ValueError
            If the passage is not there, or more than once.
        """
        found = list(self.pattern.finditer(document))
        if len(found) != 1:
            raise ValueError(f"{self.file} has {len(found)} passages like {self.text!r}, not one")
        match, printed = found[0], self.printed()
        for i in range(len(printed), 0, -1):
            start, stop = match.span(i)
            document = document[:start] + printed[i - 1] + document[stop:]
        return document


@functools.cache
def _record_of(benchmark: str) -> Record:
    name = benchmark if "." in benchmark else f"{benchmark}.{KIND}"
    return read(record.RESULTS / f"{name}.json")


def quoted(quotes: Sequence[Quote], file: str, document: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a document with the figures of the records, and the spans of what it quotes."""
    mine = [quote for quote in quotes if quote.file == file]
    for quote in mine:
        document = quote.apply(document)
    spans = []
    for quote in mine:
        match = quote.pattern.search(document)
        assert match is not None
        spans.append(match.span())
    return document, spans


def loose_figures(
    document: str, spans: Sequence[tuple[int, int]], known: Sequence[str]
) -> list[str]:
    """Return figures with a unit that are neither quoted nor in a passage that is known."""
    for passage in known:
        pattern = re.compile(r"\s+".join(map(re.escape, passage.split())))
        found = [match.span() for match in pattern.finditer(document)]
        if not found:
            raise ValueError(f"the document has no {passage!r}: strike it from the list")
        spans = [*spans, *found]
    spans = [*spans, *(match.span() for match in CODE.finditer(document))]
    return [
        f"line {document[: match.start()].count(chr(10)) + 1}: {match[0]}"
        for match in FIGURE.finditer(document)
        if not any(first < match.end() and match.start() < last for first, last in spans)
    ]


def significant(value: float, digits: int) -> str:
    """Return a number with so many digits that count, thousands of five digits and more apart."""
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - len(f"{abs(rounded):.0f}")) if abs(rounded) >= 1 else digits
    if rounded >= 10_000:
        return f"{rounded:,.0f}".replace(",", " ")
    return f"{rounded:.{decimals}f}"


def times(value: float) -> str:
    """Return a ratio: two digits at least, no decimals from ten on."""
    return f"{value:.0f}x" if value >= 9.95 else f"{value:.1f}x"


def figure(found: Record, name: str) -> Mapping[str, Any]:
    """Return a figure of a record by its name.

    Raises
    ------
    KeyError
        If there is none.
    """
    told: Mapping[str, Any]
    for told in found["targets"]:
        if told["name"] == name and told["value"] is not None:
            return told
    raise KeyError(f"the record {found['benchmark']} has no figure {name!r}")


def worst(found: Record, *names: str) -> float:
    """Return the largest value of some figures."""
    return max(float(figure(found, name)["value"]) for name in names)


def cell(text: str, told: Mapping[str, Any]) -> str:
    """Return a text, in bold where the target of the figure is missed."""
    return f"**{text}**" if told["met"] is False else text


def _applied(quote: Quote, document: str) -> tuple[str, str]:
    """Return the document, and why it is as it was."""
    try:
        return quote.apply(document), ""
    except (OSError, ValueError, KeyError) as error:
        return document, f"{error}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the documents; with ``--check`` write nothing, and return 1 if one differs."""
    from .quoted_figures import QUOTES

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--root", type=Path, default=record.ROOT, help="folder of the documents")
    args = parser.parse_args(argv)
    differ = 0
    for file in dict.fromkeys(quote.file for quote in QUOTES):
        path = args.root / file
        before = after = path.read_text(encoding="utf-8")
        for quote in (quote for quote in QUOTES if quote.file == file):
            after, trouble = _applied(quote, after)
            if trouble:  # a short run holds less
                differ += 1
                print(f"{file}: left as it is: {trouble}", file=sys.stderr)
        for old, new in zip(before.splitlines(), after.splitlines(), strict=True):
            if old != new:
                differ += 1
                print(f"{file}:\n- {old}\n+ {new}")
        if after != before and not args.check:
            path.write_text(after, encoding="utf-8")
    return int(args.check and differ > 0)


if __name__ == "__main__":
    sys.exit(main())
