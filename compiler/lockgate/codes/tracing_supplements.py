"""E317x: what events of tracing policies cannot have besides values."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E3170",
        "no-hash",
        "a file cannot be hashed at a hook",
        "'imaHash' lets the kernel's integrity subsystem read the whole file.  Programs may wait "
        "for that at a few hooks of security modules alone, where the kernel lets them sleep, and "
        "only if it was built with CONFIG_IMA.",
        "Write the hook under 'lsmhooks', at bprm_check_security, file_open, mmap_file or another "
        "one of those that the message names.",
    ),
    Explanation(
        "E3171",
        "no-kernel-stack",
        "a place in a program has no stack of the kernel",
        "At an uprobe or usdt a program is stopped by a trap at an instruction of its own; no "
        "function of the kernel has called it.",
        "Write 'userStackTrace', or hook the function of the kernel that the program calls.",
    ),
    Explanation(
        "E3172",
        "unheard-request",
        "GetUrl or DnsLookup of a selector that makes no event",
        "The kernel sends no requests.  Events carry them to whoever reads, and with NoPost there "
        "is no event, so that the request would never be made.",
        "Take NoPost out, or the request.",
    ),
)
