"""Tell of pins that somebody removed by hand, and of refusals that no step has named.

What is attached acts on without its pins, and yet commands know of it by them alone.  Where it
cannot be told any more what is in force, nobody guesses: the next apply puts everything right.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from lockgate_runtime.environment import permission_error
from lockgate_runtime.errors import BpfError, NodeError, PinError
from lockgate_runtime.generation import generation_in
from lockgate_runtime.pins import list_folder
from lockgate_runtime.slot import read_slot

if TYPE_CHECKING:
    from lockgate_runtime.pins import Pins

_CURE = "apply the bundle again; where that is refused, unload (lockgate unload) and then apply"


def require_loaded(pins: Pins) -> None:
    """E5034 where nothing was applied, E5042 where it cannot be told what is in force."""
    check_active(pins)
    if not pins.exist:
        raise NodeError(
            "E5034",
            f"nothing is loaded below {pins.root}",
            "apply a bundle first, or name its place by --root",
        )


def check_active(pins: Pins) -> None:
    """E5042 (or PinError) where something is attached, and it is not known what is in force."""
    if has_links(pins) and generation_in(pins, read_slot(pins).active) is None:
        raise _removed(
            f"pins below {pins.top}, and it is not known any more which generation is in force"
        )


def check_slot(pins: Pins) -> None:
    """E5042 where something is attached, and no other generation can take over from it."""
    if not pins.exist and has_links(pins):
        raise NodeError(
            "E5042",
            f"somebody removed {pins.map('slot')}, by which one generation takes over from "
            "another; what is attached acts as before",
            "unload (lockgate unload), then apply again: in between nothing is enforced",
        )


def has_links(pins: Pins) -> bool:
    """Whether anything is attached that has a pin, in either plane."""
    folders = [pins.generation(n) / "tracing" for n in pins.generation_numbers()]
    links = [pins.links, *(folder / "links" for folder in folders)]
    return any(map(list_folder, links))


def name_refusal(error: BpfError) -> NodeError:
    """Return which of our errors a refusal of the kernel is that no step has named."""
    if isinstance(error, PinError) and error.errno == errno.ENOENT:
        return _removed(str(error.path))
    if error.errno == errno.EPERM:
        return permission_error()
    return NodeError("E5021", str(error), "mend what the system says, then try again")


def _removed(what: str) -> NodeError:
    message = f"somebody removed {what}; what is attached acts as before"
    return NodeError("E5042", message, _CURE)
