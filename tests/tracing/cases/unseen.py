"""What passes by a hook, and where it is seen: the facts behind N6048 and N6049.

``silent`` is a way to do the same that the hook is not asked about.
"""

from __future__ import annotations

from tests.tracing.cases.case import Case

_DENY = "\n      matchActions: [{action: Override, argError: -1}]"
_PROBE = "call: {}\n    syscall: false\n    args: [{{index: 0, type: {}}}]"
_HOOK = "hook: {}\n    args: [{{index: 0, type: {}}}]"
_EQUAL = "matchArgs: [{{index: 0, operator: Equal, values: [{}]}}]"
_LOADER = "next(Path('/').glob('lib*/ld-linux-*.so.*'))"
_RUN = "import subprocess; from pathlib import Path; subprocess.run([%s], check=True)"
_MAP = (
    "import mmap; os.close(os.open('{0}', os.O_CREAT)); os.truncate('{0}', 4); "
    "there = os.open('{0}', os.O_RDWR); mmap.mmap(there, 4).write(b'hello'[:4])"
)
_FAST_OPEN = 0x20000000
_CONNECT = "hook: socket_connect\n    args: [{index: 0, type: socket}, {index: 1, type: sockaddr}]"

UNSEEN = (
    # Since Linux 6.2, what is open already is cut by way of file_truncate.
    Case(
        "unseen-cut-by-open",
        _PROBE.format("security_path_truncate", "path"),
        _EQUAL.format("/lg/one/cut"),
        "read('/lg/one/cut'); os.truncate('/lg/one/cut', 0)",
        "read('/lg/one/cut'); f = open('/lg/one/cut', 'w'); os.ftruncate(f.fileno(), 9)",
        kernels=("6.12",),
    ),
    Case(
        "unseen-cut-by-path",
        _PROBE.format("security_file_truncate", "file"),
        _EQUAL.format("/lg/one/trimmed"),
        "read('/lg/one/trimmed'); open('/lg/one/trimmed', 'w').close()",
        "read('/lg/one/trimmed'); os.truncate('/lg/one/trimmed', 0)",
        kernels=("6.12",),
    ),
    Case(
        "unseen-map",
        _PROBE.format("security_file_permission", "file"),
        _EQUAL.format("/lg/one/written"),
        "write('/lg/one/written')",
        _MAP.format("/lg/one/written"),
    ),
    Case(
        "seen-map",
        _PROBE.format("security_mmap_file", "file"),
        _EQUAL.format("/lg/one/mapped"),
        _MAP.format("/lg/one/mapped"),
        "write('/lg/one/mapped')",
    ),
    # A program that the dynamic loader is told to run is a file that is mapped.
    Case(
        "unseen-by-loader",
        _HOOK.format("bprm_check_security", "linux_binprm"),
        _EQUAL.format("/lg/bin/other") + _DENY,
        _RUN % "'/lg/bin/other', '/dev/null'",
        _RUN % f"{_LOADER}, '/lg/bin/other', '/dev/null'",
        list="lsmhooks",
        ends=1,
    ),
    # Where no overlay is: its own file below is found by whichever name it had first.
    Case(
        "unseen-link",
        _HOOK.format("file_open", "file"),
        _EQUAL.format("/lg/mnt/named") + _DENY,
        "read('/lg/mnt/named')",
        "os.path.exists('/lg/mnt/named') or os.mknod('/lg/mnt/named'); "
        "os.link('/lg/mnt/named', '/lg/mnt/linked'); read('/lg/mnt/linked')",
        list="lsmhooks",
        ends=1,
    ),
    Case(
        "unseen-above",
        _HOOK.format("file_open", "file"),
        _EQUAL.format("/lg/one/above/named") + _DENY,
        "read('/lg/one/above/named')",
        "os.makedirs('/lg/one/above', exist_ok=True); "
        "os.path.exists('/lg/one/above/named') or os.mknod('/lg/one/above/named'); "
        "os.rename('/lg/one/above', '/lg/one/beside'); read('/lg/one/beside/named')",
        list="lsmhooks",
        ends=1,
    ),
    # Of a file that it may not open somebody who makes it leaves an empty one.
    Case(
        "unseen-making",
        _HOOK.format("file_open", "file"),
        _EQUAL.format("/lg/one/made") + _DENY,
        "import contextlib\nwith contextlib.suppress(PermissionError): write('/lg/one/made')\n"
        "os._exit(3 if os.path.exists('/lg/one/made') else 4)",
        "os.mknod('/lg/one/made-otherwise')",
        list="lsmhooks",
        ends=3,
    ),
    Case(
        "unseen-fast-open",
        _CONNECT,
        "matchArgs: [{index: 1, operator: SPort, values: ['4461']}]",
        "connect('127.0.0.1', 4461)",
        "s = socket.create_server(('127.0.0.1', 4461)); c = socket.socket(); "
        f"c.sendto(b'x', {_FAST_OPEN}, ('127.0.0.1', 4461)); s.accept()",
        list="lsmhooks",
    ),
)
