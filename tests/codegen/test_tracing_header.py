"""tracing_layout.h: everything that tracing programs and Python share is in it."""

from __future__ import annotations

from lockgate.codegen.tracing_header import render_tracing_layout, tracing_headers
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain import compile_c
from lockgate_runtime.layout import ENUMERATIONS
from lockgate_runtime.tracing import layout

_EVENT = """#include "event.h"
SEC("tracepoint") int site(void *context)
{
	struct event_room *event = start_event(EVENT_KIND_HOOK, 7);

	if (!event)
		return 0;
	set_process(event, find_process(event->head.tgid));
	add_number(event, TRACING_TYPE_SIGNED, 0, 5);
	finish_event(event);
	return 0;
}
"""


def test_layout_is_complete() -> None:
    """Each structure, field, enumeration value and flag; kinds go on after the network's."""
    text = render_tracing_layout()
    for structure in layout.TRACING_STRUCTURES:
        assert f"sizeof(struct {structure.name}) == {structure.size}" in text
        for field in structure.fields:
            count = f"[{field.count}]" if field.count > 1 else ""
            assert f"\t{field.type} {field.name}{count};" in text
    for name, values in layout.TRACING_ENUMERATIONS.items():
        for number, value in enumerate(values):
            assert f"\t{name.upper()}_{value.upper()} = {number},\n" in text
    for number, kind in enumerate(layout.EVENT_KINDS, len(ENUMERATIONS["event_kind"])):
        assert f"\tEVENT_KIND_{kind.upper()} = {number},\n" in text
    assert "#define PROCESS_IS_IN_MEMORY 128\n" in text


def test_the_headers_compile() -> None:
    """An event can be built with them, and nothing else is included."""
    diagnostics = Diagnostics()
    compiled = compile_c(tracing_headers() | {"site.c": _EVENT}, diagnostics)
    assert diagnostics.ok, diagnostics.found
    assert compiled["site.o"].startswith(b"\x7fELF")
