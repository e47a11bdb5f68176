"""What people want to know beside what the kernel knows: names, and counts of the past.

``/run/lockgate/NAME/`` (NAME: the root's path with dashes) has ``N/`` for each generation::

    node.json         when, from which bundle, for which node; endpoints and devices
    rules.json        the rules that its decisions name, with file:line
    identities.json   the bundle's, for names of peers
    endpoints.json    the bundle's, for names of addresses
    sites.json        where it traces, and its tracing policies, if it has any

and ``totals.json``: counters of generations that are gone, by stable rule number.  Nothing
here decides anything: without it status and observe show numbers instead of names.
Files are written beside, synced, and renamed.  One that is damaged is like one that is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.tables import Rule

DEFAULT_STATE = Path("/run/lockgate")
_COPIED = ("identities.json", "endpoints.json")


class Total(NamedTuple):
    """What was counted for a rule in generations that are gone, and its name then."""

    packets: int
    bytes: int
    name: str


class State:
    """The state folder of one root."""

    def __init__(self, root: Path, state: Path = DEFAULT_STATE) -> None:
        self.folder = state / str(root).strip("/").replace("/", "-")

    def generation(self, number: int) -> Path:
        """Return the folder of one generation."""
        return self.folder / str(number)

    def write_generation(
        self,
        number: int,
        node: Mapping[str, Any],
        rules: Iterable[Rule],
        bundle: Bundle,
    ) -> None:
        """Write all that belongs to one generation; E5037 where there is no room."""
        folder = self.generation(number)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o755, parents=True)
            for name in _COPIED:
                shutil.copyfile(bundle.tables / name, folder / name)
            _write(folder / "rules.json", [rule._asdict() for rule in rules])
            _write(folder / "node.json", node)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _unwritable(folder, error) from None

    def keep(self, number: int, name: str, content: bytes) -> None:
        """Keep one more file for a generation; E5037 where there is no room."""
        folder = self.generation(number)
        try:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        except OSError as error:
            raise _unwritable(folder, error) from None

    def read_node(self, number: int) -> dict[str, Any]:
        """Return what was said of a generation; empty when that is lost."""
        found = _read(self.generation(number) / "node.json")
        return found if _is_node(found) else {}

    def read_rules(self, number: int) -> dict[int, dict[str, Any]]:
        """Return the rules of a generation by stable number; empty when lost."""
        rows = _read(self.generation(number) / "rules.json")
        return {row["number"]: row for row in rows} if _has_rules(rows) else {}

    def forget(self, number: int) -> None:
        """Remove the folder of a generation."""
        shutil.rmtree(self.generation(number), ignore_errors=True)

    def generation_numbers(self) -> list[int]:
        """Return the generations that have a folder."""
        if not self.folder.is_dir():
            return []
        return sorted(int(f.name) for f in self.folder.iterdir() if f.name.isdigit())

    def read_totals(self) -> tuple[int, dict[int, Total]]:
        """Return the generation that was added last, and the totals by rule."""
        found = _read(self.folder / "totals.json")
        try:
            rules = {int(n): _total(*total) for n, total in found["rules"].items()}
            return int(found["last"]), rules
        except (KeyError, TypeError, ValueError, AttributeError):
            return 0, {}

    def write_totals(self, last: int, rules: Mapping[int, Total]) -> None:
        """Write them; E5037 where there is no room."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / "totals.json", {"last": last, "rules": rules})
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def remove(self) -> None:
        """Remove everything; the folder around it too when no other root has names there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()


def _write(path: Path, value: object) -> None:
    beside = path.with_suffix(".new")
    try:
        with beside.open("w") as file:
            json.dump(value, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _read(path: Path) -> Any:  # noqa: ANN401  # JSON that we wrote
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


_NODE_ROWS: dict[str, dict[str, type]] = {
    "endpoints": {
        "namespace": str,
        "name": str,
        "where": str,
        "attachment": int,
        "is_cgroup": bool,
    },
    "attachments": {"name": str, "where": str},
    "absent": {"namespace": str, "name": str, "why": str},
}
_NODE_TEXTS = ("applied", "bundle", "digest", "node")


def _is_node(value: Any) -> bool:  # noqa: ANN401  # whatever a file holds
    """Whether it is what apply wrote of a generation, as far as anybody reads it."""
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str) for name in _NODE_TEXTS)
        and _has_rows(value.get("devices"), {}, str)
        and all(_has_rows(value.get(n), kinds) for n, kinds in _NODE_ROWS.items())
    )


def _has_rules(value: Any) -> bool:  # noqa: ANN401  # likewise
    kinds = {"number": int, "name": str, "effect": str, "places": list}
    return _has_rows(value, kinds)


def _has_rows(
    value: Any,  # noqa: ANN401  # likewise
    kinds: Mapping[str, type],
    each: type[Any] = dict,
) -> bool:
    """Whether it is a list of ``each``, with fields of these kinds."""
    return isinstance(value, list) and all(
        isinstance(row, each)
        and all(isinstance(row.get(name), kind) for name, kind in kinds.items())
        for row in value
    )


def _total(packets: int, size: int, name: str) -> Total:
    return Total(int(packets), int(size), str(name))


def _unwritable(folder: Path, error: OSError) -> NodeError:
    return NodeError(
        "E5037",
        f"{folder} cannot be written: {error.strerror}; nothing was changed",
        "make room there, or choose another folder by --state",
    )
