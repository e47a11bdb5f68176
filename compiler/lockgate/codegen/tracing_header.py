"""Render ``tracing_layout.h``: what tracing programs and Python share, in C.

Everything comes from :mod:`lockgate_runtime.tracing.layout`, where each structure is written
once.  The kinds of events go on where those of the network end: both stand in one ring.
"""

from __future__ import annotations

from lockgate.codegen.render import TEMPLATES, render
from lockgate_runtime.layout import ENUMERATIONS, SCHEMA
from lockgate_runtime.tracing import layout


def render_tracing_layout() -> str:
    """Render the header: constants, enumerations, structures and asserts of their sizes."""
    constants = {
        name: value
        for name, value in vars(layout).items()
        if name.isupper() and isinstance(value, int)
    }
    first = len(ENUMERATIONS["event_kind"])
    return render(
        "tracing/layout.h.j2",
        schema=SCHEMA,
        constants=dict(sorted(constants.items())),
        offsets={"credentials": layout.CREDENTIALS, "namespaces": layout.NAMESPACES},
        enumerations=[
            ("tracing_event_kind", first, layout.EVENT_KINDS),
            *(
                (name, 0, values)
                for name, values in layout.TRACING_ENUMERATIONS.items()
            ),
        ],
        structures=layout.TRACING_STRUCTURES,
    )


def tracing_headers() -> dict[str, str]:
    """Return file name to text of all that a tracing program may include."""
    folder = TEMPLATES / "lib" / "tracing"
    headers = {file.name: file.read_text() for file in folder.iterdir()}
    for name in ("bpf.h", "slot.h"):
        headers[name] = (TEMPLATES / "lib" / name).read_text()
    headers["tracing_layout.h"] = render_tracing_layout()
    return dict(sorted(headers.items()))


def sensor_sources() -> dict[str, str]:
    """Return ``process.c``, the process sensor, with the headers that it may include."""
    return tracing_headers() | {"process.c": render("tracing/process.c.j2")}
