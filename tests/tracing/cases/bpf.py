"""What programs ask of bpf(2) and perf_event_open(2)."""

from __future__ import annotations

from tests.tracing.cases.case import Case


def _bpf(
    name: str,
    call: str,
    arguments: str,
    match: str,
    fires: str,
    silent: str,
    **more: object,
) -> Case:
    hook = f"call: {call}\n    syscall: false\n    args: [{arguments}]"
    selector = f"matchArgs: [{match}]" if match else ""
    return Case(name, hook, selector, fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


BPF = (
    _bpf(
        "bpf-command",
        "security_bpf",
        "{index: 0, type: bpf_cmd}, {index: 1, type: bpf_attr}",
        "{index: 0, operator: Equal, values: ['5']}",
        "bpf_program(b'lg_program')",
        "bpf_map(b'lg_map')",
        shows="lg_program",
    ),
    _bpf(
        "bpf-attr",
        "bpf_check",
        "{index: 1, type: bpf_attr}",
        "",
        "bpf_program(b'lg_check')",
        "bpf_map(b'lg_map')",
        shows="lg_check",
    ),
    _bpf(
        "bpf-map",
        "security_bpf_map",
        "{index: 0, type: bpf_map}",
        "",
        "bpf_map(b'lg_seen')",
        "bpf_program(b'lg_program')",
        shows="lg_seen",
    ),
    _bpf(
        "bpf-program",
        "security_bpf_prog",
        "{index: 0, type: bpf_prog}",
        "",
        "bpf_program(b'lg_loaded')",
        "bpf_map(b'lg_map')",
        shows="lg_loaded",
    ),
    _bpf(
        "perf-event",
        "security_perf_event_alloc",
        "{index: 0, type: perf_event}",
        "",
        "perf_probe(b'do_unlinkat')",
        "getpriority(0, 0)",
        shows="do_unlinkat",
    ),
)
