"""``--target NAME=DIR``: the kernels that tracing policies are compiled for."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lockgate.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lockgate.targets.target import Target


def read_targets(texts: Sequence[str]) -> list[Target]:
    """Read recorded kernels; a Fault for what is no target, and for two of one name."""
    targets = [_read_target(text) for text in texts]
    for name, count in Counter(target.name for target in targets).items():
        if count > 1:
            message = f"two targets are called '{name}'"
            raise Fault("E2203", message, "give each --target a name of its own")
    return targets


@contextmanager
def offered_targets(
    texts: Sequence[str], cache: Path | None = None
) -> Iterator[Callable[[], Sequence[Target]]]:
    """Give a function that reads the targets, or records the running kernel without any.

    Whoever has no tracing policies does not call it, and pays nothing.  What was recorded is kept
    in the folder ``cache`` for as long as the same kernel runs with the same modules.
    """
    with ExitStack() as ends:

        def offer() -> Sequence[Target]:
            from lockgate.targets.target import RUNNING, load_target

            if texts:
                return read_targets(texts)
            from lockgate.targets.kept import kept_recording

            kept = kept_recording(cache, _record) if cache else None
            if kept is None:
                place = TemporaryDirectory(prefix="lockgate-")
                kept = Path(ends.enter_context(place))
                _record(kept)
            return [load_target(RUNNING, kept)]

        yield offer


def _record(folder: Path) -> None:
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.target.record import record

    try:
        record(folder)
    except (NodeError, OSError) as error:
        raise Fault(
            "E3180",
            "tracing policies are compiled for a kernel: none is named, and the running one "
            f"cannot be recorded ({error})",
            "name one that `sudo lockgate target record DIR` wrote down: --target NAME=DIR",
        ) from None


def _read_target(text: str) -> Target:
    from lockgate.targets.target import load_target

    name, equals, folder = text.partition("=")
    is_name = name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not is_name or not equals or not folder:
        message = f"'{text}' is no NAME=DIR"
        raise Fault("E2203", message, "write --target worker=targets/worker")
    return load_target(name, Path(folder))
