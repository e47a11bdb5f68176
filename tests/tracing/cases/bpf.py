"""What programs ask of bpf(2) and perf_event_open(2)."""

from __future__ import annotations

from tests.tracing.cases.case import function_case

BPF = (
    function_case(
        "bpf-command",
        "security_bpf",
        "{index: 0, type: bpf_cmd}, {index: 1, type: bpf_attr}",
        "{index: 0, operator: Equal, values: ['5']}",
        "bpf_program(b'lg_program')",
        "bpf_map(b'lg_map')",
        shows="lg_program",
    ),
    function_case(
        "bpf-attr",
        "bpf_check",
        "{index: 1, type: bpf_attr}",
        "",
        "bpf_program(b'lg_check')",
        "bpf_map(b'lg_map')",
        shows="lg_check",
    ),
    function_case(
        "bpf-map",
        "security_bpf_map",
        "{index: 0, type: bpf_map}",
        "",
        "bpf_map(b'lg_seen')",
        "bpf_program(b'lg_program')",
        shows="lg_seen",
    ),
    function_case(
        "bpf-program",
        "security_bpf_prog",
        "{index: 0, type: bpf_prog}",
        "",
        "bpf_program(b'lg_loaded')",
        "bpf_map(b'lg_map')",
        shows="lg_loaded",
    ),
    function_case(
        "perf-event",
        "security_perf_event_alloc",
        "{index: 0, type: perf_event}",
        "",
        "perf_probe(b'do_unlinkat')",
        "getpriority(0, 0)",
        shows="do_unlinkat",
    ),
)
