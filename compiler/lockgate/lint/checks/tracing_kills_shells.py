"""``tracing-kills-shells``: nobody starts a shell, or becomes root, neither the administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.tracing import Mode
from lockgate.ir.tracing_selectors import Comparison
from lockgate.lint.scene import Check, Needs, Scene
from lockgate.lint.tracing import name_of, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.lint.tracing import Placed

SHELLS = frozenset({"ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"})
WAYS = frozenset({"doas", "login", "pkexec", "sshd", "su", "sudo", "unix_chkpwd"})
"""How an administrator comes, and becomes root."""
_STARTS = frozenset(
    {
        "bprm_check",
        "bprm_check_security",
        "bprm_creds_for_exec",
        "bprm_creds_from_file",
        "sched/sched_process_exec",
        "sys_execve",
        "sys_execveat",
        "syscalls/sys_enter_execve",
        "syscalls/sys_enter_execveat",
    }
)


def _find(scene: Scene) -> Iterator[Finding]:
    for placed in selectors(scene):
        shell = _shell(placed)
        if shell is not None:
            yield Finding(
                "W6041",
                Level.WARNING,
                f"whoever starts {shell} is stopped: {_whom(shell)}",
                placed.selector.span,
                "say by whom: add 'matchBinaries' or 'matchParentBinaries', or select pods",
            )


def _whom(text: str) -> str:
    if text.rpartition("/")[2] in SHELLS:
        return "logins, ssh, kubectl exec and scripts, too"
    return "the administrator, too"


def _shell(placed: Placed) -> str | None:
    """Return the shell, or way to become root, that everybody on the host is denied."""
    policy, hook, selector = placed
    if not placed.decision or policy.mode is not Mode.ENFORCE:
        return None
    if policy.namespace or (policy.workloads.pods and not policy.workloads.host):
        return None
    if name_of(hook) not in _STARTS or not selector.workloads.is_everything:
        return None
    process = (
        *(selector.binaries + selector.parent_binaries),
        *selector.pids,
        *selector.namespaces,
        *selector.namespace_changes,
        *selector.capabilities,
        *selector.capability_changes,
    )
    others = [m for m in selector.arguments if m.comparison is not Comparison.EQUAL]
    if process or selector.data or selector.returns or others:
        return None
    for match in selector.arguments:
        for text in () if match.is_negated else match.texts:
            if text.rpartition("/")[2] in SHELLS | WAYS:
                return text
    return None


CHECK = Check("tracing-kills-shells", Needs.POLICY, _find)
