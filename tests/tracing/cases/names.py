"""Paths that are judged by their names: near misses, and where names end or are not enough."""

from __future__ import annotations

import json

from tests.tracing.cases.case import file_case, function_case

HERE = "/lg/mnt/names"
LENGTHS = (1, 7, 8, 9, 16, 17, 31, 32, 33, 39, 40, 41, 254, 255)
"""Lengths of names about those where they are known otherwise."""


def _match(operator: str, *values: str) -> str:
    return f"{{index: 0, operator: {operator}, values: {json.dumps(values)}}}"


def _below(operator: str, *places: str) -> str:
    return _match(operator, *(f"{HERE}/{place}" for place in places))


def _reads(*places: str) -> str:
    return f"read_at(*{places!r})"


_NAMES = tuple("n" * (length - 1) + "a" for length in LENGTHS)
_OTHERS = tuple("n" * (length - 1) + "b" for length in LENGTHS)
_SHORTER = tuple(f"n{'n' * (length - 2)}" for length in LENGTHS if length > 1)
_DEEP = tuple(
    "d/" * depth for depth in (5, 6, 7, 8, 9, 12, 13, 20, 21, 22, 30, 60, 300)
)

NAMES = (
    file_case(
        "names-part",
        _below("Prefix", "part", "a-long-nam", "exactly8", "in/side", "in/a-long"),
        _reads(
            *(
                "part",
                "particle",
                "parts/x/y",
                "a-long-name/x",
                "exactly8",
                "exactly8s",
            ),
            *("in/side", "in/sides/x", "in/a-long", "in/a-longer-name/than/that"),
        ),
        _reads(
            *(
                "par",
                "parx",
                "x/part",
                "a-long-na",
                "a-long-naa/x",
                "exactly",
                "exactlyx",
            ),
            *("in/sid", "in/six/x", "in/a-lonf", "in/a-lonfer-name", "i/side", "in/x"),
        ),
        shows=f"{HERE}/particle",
        many=10,
    ),
    file_case(
        "names-lengths",
        _below("Equal", *(f"equal/{name}" for name in _NAMES)),
        _reads(*(f"equal/{name}" for name in _NAMES)),
        _reads(*(f"equal/{name}" for name in (*_OTHERS, *_SHORTER))),
        many=len(LENGTHS),
    ),
    file_case(
        "names-lengths-of-folders",
        _below("Prefix", *(f"below/{name}/" for name in _NAMES)),
        _reads(*(f"below/{name}/x" for name in _NAMES)),
        _reads(*(f"below/{name}/x" for name in (*_OTHERS, *_SHORTER))),
        many=len(LENGTHS),
    ),
    file_case(
        "names-lengths-turned",
        f"{_below('Prefix', 'turned/')}\n      , "
        + _below("NotEqual", *(f"turned/{name}" for name in _NAMES)),
        _reads(*(f"turned/{name}" for name in (*_OTHERS, *_SHORTER))),
        _reads(*(f"turned/{name}" for name in _NAMES)),
        many=len(_OTHERS) + len(_SHORTER),
    ),
    file_case(
        "names-ends",
        _match(
            "Postfix", "/sevenly", "/eightly8", ".nam", "elfnamen", "y-nine9s", "/g/h"
        ),
        _reads(
            *("sevenly", "eightly8", "x.nam", "zwoelfnamen", "my-nine9s", "f/g/h"),
            *("f/y-nine9s", ".nam"),
        ),
        _reads(
            *(
                "asevenly",
                "aeightly8",
                "x.name",
                "elfname",
                "my-nine9",
                "f/gg/h",
                "f/h",
            ),
            *("sevenly-x/x", "seven", "nam"),
        ),
        many=8,
    ),
    file_case(
        "names-depths",
        _below("Prefix", "depths/"),
        _reads(*(f"depths/{deep}x" for deep in _DEEP)),
        _reads(*(f"depthz/{deep}x" for deep in _DEEP)),
        many=len(_DEEP),
    ),
    file_case(
        "names-at-depths",
        _below("Equal", *(f"at/{deep}x" for deep in _DEEP)),
        _reads(*(f"at/{deep}x" for deep in _DEEP)),
        _reads(
            *(f"at/{deep}y" for deep in _DEEP), *(f"at/e/{deep}x" for deep in _DEEP)
        ),
        many=len(_DEEP),
    ),
    file_case(
        "names-beyond",
        _below("Prefix", "beyond/"),
        "read_beyond('beyond', 22); read_beyond('beyond', 50, 99)",
        "read_beyond('besides', 22)",
        many=2,
    ),
    file_case(
        "names-none",
        _match("NotPrefix", "/"),
        "read_nameless()",
        f"{_reads('some')}; list_folder('/lg/mnt')",
    ),
    file_case(
        "names-empty",
        _match("Equal", ""),
        "read_nameless()",
        f"{_reads('some')}; list_folder('/lg/mnt')",
    ),
    file_case(
        "names-root",
        _match("Equal", "/"),
        "list_folder('/'); chroot('/lg/root'); list_folder('/')",
        f"list_folder('/lg'); read_nameless(); detached('nowhere', 'x'); {_reads('r')}",
    ),
    file_case(
        "names-detached",
        f"{_match('Postfix', 'left-behind')}\n      , "
        + _match("Prefix", "/left-behind", f"{HERE}/left/"),
        "detached('left', 'left-behind')",
        "detached('left', 'left-behin')",
        shows="/left-behind",
        many=1,
    ),
    file_case(
        "names-chroot",
        _match("Prefix", "/sub/jail"),
        "read_at('jail/sub/jail/x'); chroot('/lg/mnt/names/jail'); read('/sub/jail/x')",
        "read_at('sub/jail/x'); chroot('/lg/mnt/names/jail'); read('/sub/jai'); read('/jail')",
        shows="/sub/jail/x",
        many=1,
    ),
    file_case(
        "names-outside",
        _below("Prefix", "outside/"),
        "from_outside('outside/x', 'inside')",
        "from_outside('outsider/x', 'inside')",
        shows=f"{HERE}/outside/x",
        many=1,
    ),
    file_case(
        "names-mounted",
        _below("Prefix", "mounted/deep/er"),
        "mount_at('mounted/deep'); read_at('mounted/deep/er/x', 'mounted/deep/er-x')",
        "mount_at('mounted/deep'); read_at('mounted/deep/e', 'mounted/deeper/er')",
        many=2,
    ),
    file_case(
        "names-bound",
        _below("Equal", "bound/file", "bound/folder/x"),
        "read_at('source/s', 'source/x', 'bound/file', 'bound/folder/y'); "
        "bind('source/s', 'bound/file'); bind('source', 'bound/folder'); "
        "read_at('bound/file', 'bound/folder/x', 'bound/folder/s')",
        "read_at('source/s', 'source/x', 'bound/folder/y'); "
        "bind('source', 'bound/folder'); read_at('bound/folder/s', 'source/x')",
        many=3,
    ),
    file_case(
        "names-overlaid",
        _below("Prefix", "over/merged/in"),
        "overlay('over'); read_at('over/merged/in', 'over/merged/inside/x')",
        "overlay('over'); read_at('over/merged/i', 'over/merged/im', 'over/x')",
    ),
    file_case(
        "names-unlinked",
        _below("Equal", "gone", "gone-by"),
        "read_unlinked('/lg/mnt/names/gone'); read_unlinked('/lg/mnt/names/gone-by')",
        "read_unlinked('/lg/mnt/names/gon'); read_unlinked('/lg/mnt/names/gone (deleted)')",
        shows=f"{HERE}/gone (deleted)",
        many=2,
    ),
    file_case(
        "names-mixed",
        f"{_below('Prefix', 'mix')}\n      , {_below('NotPrefix', 'mix/no', 'mixture')}"
        f"\n      , {_match('Postfix', '.txt', '.md')}\n      , {_match('NotPostfix', 'bad.md')}",
        _reads("mix/a.txt", "mix/yes/nob.md", "mix/b/bad.txt", "mix.md"),
        _reads(
            "mix/a.tx",
            "mix/no.txt",
            "mix/now/x.md",
            "mixture/a.md",
            "mix/bad.md",
            "x.md",
        ),
        many=4,
    ),
    function_case(
        "names-of-dentry",
        "security_inode_getxattr",
        "{index: 0, type: dentry}",
        _match("Prefix", "/names/dentry/", "/names/part-of-dent", "/other/"),
        "read_at('dentry/d/d/x', 'part-of-dentry'); "
        "getxattr('/lg/mnt/names/dentry/d/d/x', 'user.a'); "
        "getxattr('/lg/mnt/names/part-of-dentry', 'user.a')",
        "read_at('dentrz/x', 'part-of-den'); getxattr('/lg/mnt/names/dentrz/x', 'user.a'); "
        "getxattr('/lg/mnt/names/part-of-den', 'user.a'); getxattr('/lg/mnt', 'user.a')",
        shows="/names/dentry/d/d/x",
        many=2,
    ),
    function_case(
        "names-of-dentry-root",
        "security_inode_getxattr",
        "{index: 0, type: dentry}",
        _match("Equal", "/"),
        "getxattr('/lg/mnt', 'user.a')",
        "read_at('r'); getxattr('/lg/mnt/names/r', 'user.a')",
        shows="/",
        many=1,
    ),
)
