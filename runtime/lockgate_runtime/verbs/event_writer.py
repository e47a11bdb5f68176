"""From batches of events to lines of a file or of standard output, and what is lost by the way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.verbs.event_options import node_name

if TYPE_CHECKING:
    import argparse

    from lockgate_runtime.tracing.pipeline import Pipeline
    from lockgate_runtime.tracing.sink import Sink


def open_sink(arguments: argparse.Namespace) -> Sink:
    """Return where lines go; E5101 where that cannot be written."""
    from lockgate_runtime.tracing.sink import RotatingFile, Sink

    if not arguments.out:
        return Sink()
    try:
        return RotatingFile(arguments.out, arguments.rotate_size, arguments.keep)
    except OSError as error:
        raise NodeError(
            "E5101",
            f"cannot write {arguments.out}: {error.strerror}",
            "name another file",
        ) from None


class EventWriter:
    """What happens to batches of lines until they are written, and what is counted by the way."""

    def __init__(
        self, pipeline: Pipeline, sink: Sink, arguments: argparse.Namespace
    ) -> None:
        from lockgate_runtime.tracing.aggregation import Aggregator
        from lockgate_runtime.tracing.sink import RateLimit

        self._pipeline, self._sink = pipeline, sink
        self._limit = RateLimit(arguments.rate) if arguments.rate else None
        seconds = arguments.aggregate
        self._aggregator = Aggregator(seconds) if seconds else None
        self._left: int | None = arguments.count
        self._node = node_name(arguments)
        self._unwritten = 0

    def write(self, batch: list[str]) -> bool:
        """Write what is wanted of a batch; whether more is."""
        return self._put(self._aggregator.add(batch) if self._aggregator else batch)

    def finish(self) -> None:
        """Write what waits."""
        if self._aggregator and self._left != 0:
            self._put(self._aggregator.flush())
        self._tell(at_end=True)

    def report(self) -> int:
        """Say what was held back or found no room; return the exit code."""
        if self._limit and self._limit.withheld:
            print(f"{self._limit.withheld} events were over the rate", file=sys.stderr)
        if self._sink.fault:
            count, fault = self._sink.unwritten, self._sink.fault
            print(f"{count} lines could not be written: {fault}", file=sys.stderr)
            return 2
        return 0

    def _put(self, batch: list[str]) -> bool:
        lines = self._pipeline.run(batch)
        if self._limit:
            lines = self._limit.admit(lines)
        if self._left is not None:
            lines = lines[: self._left]
            self._left -= len(lines)
        self._sink.write(lines)
        self._tell(at_end=False)
        return self._left != 0

    def _tell(self, *, at_end: bool) -> None:
        """Tell, besides, what the rate held back and what found no room since the last time."""
        import time

        from lockgate_runtime.tracing.render import losses_line

        lost = {"over_rate": self._limit.tell(at_end=at_end) if self._limit else 0}
        lost["unwritten"] = self._sink.unwritten - self._unwritten
        if any(lost.values()):
            line = losses_line(self._node, time.time_ns(), lost)
            before = self._sink.unwritten
            self._sink.write(self._pipeline.run([line]))
            if self._sink.unwritten == before:
                self._unwritten = before
            else:
                self._sink.unwritten = before  # it tells of lines and is none of them
