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

CATALOG = tuple(
    Case(name, "", "", *_DEEDS[name], text=text)
    for name, text in sorted(policies().items())
    if name in _DEEDS
)
