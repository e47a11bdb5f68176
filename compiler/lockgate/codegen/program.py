"""Render the programs of a shape, with every header that they include."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.codegen.header import render_layout
from lockgate.codegen.hooks import (
    CGROUP_HOOKS,
    ENDPOINT_HOOKS,
    HOOKS,
    LINKS,
    NETWORK_HOOKS,
    TC_HOOKS,
)
from lockgate.codegen.render import TEMPLATES, render

if TYPE_CHECKING:
    from lockgate.codegen.shape import Shape

PROGRAMS = ("stub_tc", "stub_cgroup", "tc", "cgroup", "sweep")
"""Objects of a bundle.  Stubs and sweeper are the same for every shape."""


def render_programs(shape: Shape) -> dict[str, str]:
    """Return file name to text: the ``.c`` of each object and the ``.h`` they include."""
    tc_hooks = ENDPOINT_HOOKS + (NETWORK_HOOKS if shape.uses("host_policy") else ())
    headers = (file for file in (TEMPLATES / "lib").iterdir() if file.is_file())
    sources = {file.name: file.read_text() for file in headers}
    sources["layout.h"] = render_layout()
    sources["shape.h"] = render("shape.h.j2", shape=shape)
    sources["stub_tc.c"] = render("stub_tc.c.j2", hooks=TC_HOOKS, links=LINKS)
    sources["tc.c"] = render("tc.c.j2", hooks=tc_hooks)
    sources["sweep.c"] = render("sweep.c.j2")
    if shape.uses("cgroups"):
        sources["stub_cgroup.c"] = render(
            "stub_cgroup.c.j2", hooks=CGROUP_HOOKS, hook_count=len(HOOKS)
        )
        sources["cgroup.c"] = render("cgroup.c.j2", hooks=CGROUP_HOOKS)
    return dict(sorted(sources.items()))
