"""The ready-made policies: each stands on both kernels, and tells of what it is for."""

from __future__ import annotations

from lockgate.cli.catalog import policies
from tests.tracing.cases.case import Case

_DEEDS = {
    "capabilities": ("leave('uts')", "getpriority(1, 0)"),
    "files": ("write('/etc/lg-written')", "write('/lg/one/lg-written')"),
    "modules": ("load('mii'); unload('mii')", "getpriority(2, 0)"),
    "network": (
        "socket.create_server(('127.0.0.1', 7601)).close()",
        "connect('127.0.0.1', 7601)",
    ),
    "privileges": (
        "os.setresuid(1, 1, 0); os.seteuid(0)",
        "os.setresuid(1, 1, 0)",
    ),
}

_DEEDS_TO_FILES = {
    "cut": (
        "os.truncate('/etc/lg-written', 0)",
        "os.truncate('/lg/one/lg-written', 0)",
    ),
    "opened-so": (
        "open('/etc/lg-written', 'w').close()",
        "open('/lg/one/lg-written', 'w').close()",
    ),
    "linked": (
        "os.link('/etc/lg-written', '/etc/lg-linked')",
        "os.link('/lg/one/lg-written', '/lg/one/lg-linked')",
    ),
    "replaced": (
        "os.mknod('/lg/one/lg-new'); os.rename('/lg/one/lg-new', '/etc/lg-linked')",
        "os.mknod('/lg/one/lg-new'); os.rename('/lg/one/lg-new', '/lg/one/lg-newer')",
    ),
    "removed": ("os.unlink('/etc/lg-linked')", "os.unlink('/lg/one/lg-linked')"),
    "removed-below": (
        "os.makedirs('/etc/lg'); os.mknod('/etc/lg/x'); os.unlink('/etc/lg/x')",
        "os.mknod('/lg/one/lg-x'); os.unlink('/lg/one/lg-x')",
    ),
}
"""What else is done to files, in an order in which each finds what it needs."""

CATALOG = (
    *(
        Case(name, "", "", *_DEEDS[name], text=text)
        for name, text in sorted(policies().items())
        if name in _DEEDS
    ),
    *(
        Case(
            f"files-{word}",
            "",
            "",
            *deeds,
            text=policies()["files"].replace("name: files", f"name: files-{word}"),
        )
        for word, deeds in _DEEDS_TO_FILES.items()
    ),
)
