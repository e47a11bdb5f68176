"""What an event shall have besides values, where a hook cannot give it: refused with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Stand
from lockgate.ir.tracing_actions import REQUESTS, ActionKind
from lockgate.lowering.deeds import actions_of
from lockgate.lowering.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.placement import Placement
    from lockgate.ir.tracing import Hook
    from lockgate.ir.tracing_actions import Action
    from lockgate.targets.target import Target

HASHING_HOOKS = frozenset(
    {
        "bprm_check_security",
        "bprm_committed_creds",
        "bprm_committing_creds",
        "bprm_creds_from_file",
        "file_ioctl",
        "file_lock",
        "file_open",
        "file_post_open",
        "file_receive",
        "mmap_file",
    }
)
"""Hooks of security modules that may sleep (``sleepable_lsm_hooks`` of kernel/bpf/bpf_lsm.c) and
are about a file: their first argument, or that of the program that it is."""

_OUTSIDE_OF_KERNEL = frozenset({Stand.UPROBE, Stand.URETPROBE, Stand.USDT})


def check_supplements(placement: Placement, target: Target) -> None:
    """Raise RefusalError for what the events of a placed hook cannot have."""
    actions = [a for a in actions_of(placement.hook) if a.kind is ActionKind.POST]
    if any(action.has_hash for action in actions):
        _check_hash(placement, target)
    if any(action.has_kernel_stack for action in actions) and (
        placement.stand in _OUTSIDE_OF_KERNEL
    ):
        reason = (
            "'kernelStackTrace': a program that is stopped there is not in the kernel"
        )
        raise RefusalError("E3171", reason, "write 'userStackTrace' instead")
    for action in _unheard(placement.hook):
        reason = f"{action.kind.value} travels in the event, and NoPost leaves none"
        raise RefusalError("E3172", reason, "take one of the two out")


def _check_hash(placement: Placement, target: Target) -> None:
    if placement.stand is not Stand.LSM or placement.function not in HASHING_HOOKS:
        hooks = sorted(HASHING_HOOKS & set(target.lsm_hooks))
        where = placement.lowered_to or placement.asked
        reason = f"'imaHash' at {where}: to read a file may take time, and nobody can wait there"
        cure = f"write it under 'lsmhooks', at one of {', '.join(hooks)}"
        if not hooks:
            cure = "no hook of this kernel can: take it out"
        raise RefusalError("E3170", reason, cure)
    helpers = target.helpers.get("lsm_sleepable", frozenset())
    if not target.hooks.get("lsm_sleepable") or "ima_file_hash" not in helpers:
        reason = f"'imaHash': Linux {target.release} hashes no files for programs"
        raise RefusalError("E3170", reason, "boot a kernel with CONFIG_IMA since 5.18")


def _unheard(hook: Hook) -> Iterator[Action]:
    """Yield requests of selectors that make no event."""
    for selector in hook.selectors:
        actions = (*selector.actions, *selector.return_actions)
        if any(action.kind is ActionKind.NO_POST for action in actions):
            yield from (action for action in actions if action.kind in REQUESTS)
