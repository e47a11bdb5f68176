"""A process in the form of the reference's export."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.times import timestamp
from lockgate_runtime.tracing.values import show_capabilities, show_ids

if TYPE_CHECKING:
    from lockgate_runtime.tracing.process_cache import Process


KERNEL = (0, 1)
"""Number and start of what began the first processes, as the reference has it."""


def exec_id(node: str, tgid: int, start: int) -> str:
    """Return the name of a process for ever, as the reference makes it."""
    return base64.b64encode(f"{node}:{start}:{tgid}".encode()).decode()


def show_process(
    process: Process, node: str, clock: int, host: tuple[int, ...]
) -> dict[str, Any]:
    """Return a process as events show it.

    ``clock`` is the time of boot, nanoseconds since 1970; ``host`` the namespaces of the
    host's first process.
    """
    shown: dict[str, Any] = {
        "exec_id": exec_id(node, process.tgid, process.start),
        "pid": process.tgid,
    }
    if process.credentials:
        shown["uid"] = process.credentials[layout.CREDENTIALS.index("euid")]
    texts = {
        "cwd": process.directory,
        "binary": process.binary,
        "arguments": process.arguments,
        "flags": process.flags,
    }
    shown |= {name: text for name, text in texts.items() if text}
    if process.start:
        shown["start_time"] = timestamp(clock + process.start)
    shown["auid"] = process.login_uid
    if process.parent_id[1]:
        shown["parent_exec_id"] = exec_id(node, *process.parent_id)
    elif process.credentials and not process.parent_id[0]:
        shown["parent_exec_id"] = exec_id(node, *KERNEL)
    if process.credentials:
        shown["cap"] = show_capabilities(*process.capabilities)
        shown["ns"] = {
            name: {"inum": inode, "is_host": True} if inode == here else {"inum": inode}
            for name, inode, here in zip(
                layout.NAMESPACES, process.namespaces, host, strict=True
            )
            if inode  # else nobody may see it
        }
        shown["tid"] = process.tgid
        shown["process_credentials"] = show_ids(
            process.credentials, process.secure_bits
        )
    shown["in_init_tree"] = process.is_in_init_tree
    return shown
