"""All loads of one run, one after another, and those that are tried to find the highest one."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable

from . import record
from .highest_load import highest_load
from .open_loop import Load
from .stage_times import stage_table
from .throughput_run import Outcome, Prepared, run_load
from .throughput_show import Display, outcome_lines

__all__ = ["Run", "load_of"]

QUEUE_S = 1.0  # of the load, before points are dropped

Limits = dict[str, tuple[float | None, float | None]]


def load_of(args: argparse.Namespace, source: str, rate: float) -> Load:
    """Return what is offered to each stream."""
    threads = args.threads
    if threads is None and args.streams > 1:
        threads = max(1, record.machine()["cores"] // args.streams)
    return Load(
        rate_hz=rate,
        scales=tuple(args.scales),
        source=source,
        dim=args.dim,
        landmarks=args.landmarks,
        backend=args.backend,
        duration_s=args.duration,
        fill_s=args.fill,
        batch=args.batch,
        queue=args.queue or max(1, round(QUEUE_S * rate)),
        follow=not args.no_features,
        threads=threads,
        seed=args.seed,
        profile=args.profile,
    )


class Run:
    """The loads that the options ask for.

    Parameters
    ----------
    args : Namespace
        Options of `benchmarks.throughput`.
    say : callable
        Gets each line.

    Attributes
    ----------
    outcomes : dict of str to list of Outcome
        By source, as far as they were measured.
    limits : dict of str to (float or None, float or None)
        Highest load that was borne and lowest that was not, by source.
    """

    def __init__(self, args: argparse.Namespace, say: Callable[[str], None]) -> None:
        self.outcomes: dict[str, list[Outcome]] = {name: [] for name in args.source}
        self.limits: Limits = {}
        self._args = args
        self._say = say
        self._prepared: dict[tuple[str, float], Prepared] = {}
        self._now = ""

    def measure(self) -> str | None:
        """Measure all; where one fails, return which and why, and keep those before it."""
        try:
            with contextlib.ExitStack() as stack:
                self._fill_together(stack)
                for source, found in self.outcomes.items():
                    self._measure_source(source, found)
        except SystemExit as end:
            return f"{self._now}: {end.code}"
        except KeyboardInterrupt:
            return f"{self._now}: interrupted"
        return None

    def _fill_together(self, stack: contextlib.ExitStack) -> None:
        """Fill the windows of all sources at once; each is measured while the others wait."""
        args = self._args
        if args.streams > 1 or len(self.outcomes) == 1:
            return
        for source in self.outcomes:
            load = load_of(args, source, args.rate[0])
            prepared = Prepared(load, args.streams, args.trace)
            self._prepared[source, args.rate[0]] = stack.enter_context(prepared)
        self._now = "filling the windows"
        start = time.perf_counter()
        with Display(f"{len(self.outcomes)} sources") as display:
            for prepared in self._prepared.values():
                prepared.fill(display.told)
        taken = time.perf_counter() - start
        self._say(f"the windows of {len(self.outcomes)} sources were filled in {taken:.0f} s")

    def _measure_source(self, source: str, found: list[Outcome]) -> None:
        for rate in self._args.rate:
            found.append(self._measure(source, rate))
            self._say(outcome_lines(found[-1]))
            if self._args.profile:
                self._say(stage_table(found[-1].streams[0]["stages"], found[-1].seconds))
        if self._args.find_max:
            self._find(source, found)

    def _measure(self, source: str, rate: float) -> Outcome:
        self._now = f"{source}, {rate:,.0f} points/s"
        prepared = self._prepared.pop((source, rate), None)
        with Display(self._now) as display:
            if prepared is not None:
                return prepared.serve(display.told)
            load = load_of(self._args, source, rate)
            return run_load(load, self._args.streams, display.told, self._args.trace)

    def _find(self, source: str, found: list[Outcome]) -> None:
        """Bracket the highest load; the loads tried join those measured."""
        known = {outcome.load.rate_hz: outcome for outcome in found}

        def bears(rate: float) -> bool:
            if rate not in known:
                known[rate] = self._measure(source, rate)
                found.append(known[rate])
                trouble, worst = known[rate].trouble, known[rate].worst
                borne = f"borne, {1e3 * (worst or 0):.1f} ms"
                verdict = f"not borne, {trouble}" if trouble else borne
                self._say(f"{source}, {rate:,.0f} points/s: {verdict}")
            return known[rate].bears

        try:
            limits = highest_load(bears, self._args.rate[0], precision=self._args.precision)
        finally:
            found.sort(key=lambda outcome: outcome.load.rate_hz)
        self.limits[source] = limits
