"""E3131-E3132, W3133, E3138-E3139: what becomes of tracing policies as programs."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E3131",
        "not-done-yet",
        "a tracing policy asks for something that programs do not do yet",
        "The policy is right, and this kernel could do what it says, but the compiler makes no "
        "program of it yet.  Rather than watch or enforce something else, it refuses.",
        "Take out what the message names, or leave the policy out of this bundle.",
    ),
    Explanation(
        "E3132",
        "too-many-strings",
        "a hook judges more strings than it has room for",
        "Each string or path that selectors compare is kept whole while the hook decides, and "
        "there are five rooms for them.",
        "Split the policies over several hooks, or compare fewer arguments.",
    ),
    Explanation(
        "W3133",
        "different-denials",
        "policies deny the same operation with different errors",
        "All policies at one hook decide together.  Where two of them match and both deny, the "
        "error of the first one (in the order of names) is returned.",
        "Let both return the same error, or make one of them narrower.",
    ),
    Explanation(
        "E3138",
        "too-many-followers",
        "more rules follow processes to their children than a process has room for",
        "'followChildren' of matchBinaries and 'followForks' of matchPIDs are remembered in each "
        "process, one bit for each different list of paths or numbers; there are 64.",
        "Let policies share the same list of values, or split them over two roots.",
    ),
    Explanation(
        "E3139",
        "too-many-selectors",
        "more selectors are at one hook than a program can judge",
        "All policies at one hook are judged by one program, so that an operation gives one "
        "event.  It keeps a bit for each selector in the 512 bytes of stack that the kernel gives "
        "it: room for 1,024 selectors, or fewer where they are for pods or look for a part of a "
        "text (832), hold events back or act (512), or deny what is told of at the return (448).",
        "Let one selector have the values of many: of values there is no limit.  Or choose another "
        "hook for some of the policies.",
    ),
)
