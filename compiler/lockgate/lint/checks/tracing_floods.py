"""``tracing-floods``: an event for every hit of a hook that is hit all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.tracing_selectors import HookSelector
from lockgate.lint.scene import Check, Needs, Scene
from lockgate.lint.tracing import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HOT = frozenset(
    {
        "file_permission",
        "inode_getattr",
        "inode_permission",
        "mmap_file",
        "raw_syscalls/sys_enter",
        "raw_syscalls/sys_exit",
        "sched/sched_switch",
        "sched/sched_wakeup",
        "socket_recvmsg",
        "socket_sendmsg",
        "sys_read",
        "sys_write",
        "vfs_read",
        "vfs_write",
    }
)
"""Operations of which a busy host has some hundred thousand a second."""


def _find(scene: Scene) -> Iterator[Finding]:
    for policy in scene.tracing:
        for hook in policy.hooks:
            if name_of(hook) not in HOT or not policy.workloads.is_everything:
                continue
            for selector in hook.selectors or (HookSelector(hook.span),):
                if selector.is_unconditional and _posts_all(selector):
                    yield Finding(
                        "W6042",
                        Level.WARNING,
                        f"'{name_of(hook)}' is hit all the time, and every hit makes an event",
                        selector.span,
                        "add a filter ('matchArgs', 'matchBinaries'), or a 'rateLimit' to Post",
                    )


def _posts_all(selector: HookSelector) -> bool:
    kinds = {action.kind for action in selector.actions}
    limits = [a.rate_limit for a in selector.actions if a.kind is ActionKind.POST]
    return ActionKind.NO_POST not in kinds and not any(limits)


CHECK = Check("tracing-floods", Needs.POLICY, _find)
