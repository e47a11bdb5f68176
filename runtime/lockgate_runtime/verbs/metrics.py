"""``metrics``: counters of this node as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.verbs import (
    Answer,
    add_output,
    add_place,
    faults_to_exit_codes,
    show,
)

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate metrics
  lockgate metrics > /var/lib/node_exporter/lockgate.prom
  lockgate metrics -o json | jq '.results[] | select(.name == "lockgate_tracing_lost_total")'

where other tools of the field have a counter of the same meaning, it is called there
  lockgate_events_total{event,policy,action}    tetragon_events_total, as readers saw them
  lockgate_events_unseen_total                  tetragon_notify_overflowed_events_total
  lockgate_events_cut_total                     tetragon_data_events_total{event="Bad"}
  lockgate_tracing_lost_total                   tetragon_observer_ringbuf_events_lost_total
  lockgate_tracing_events_total                 tetragon_observer_ringbuf_events_received_total
  lockgate_tracing_unknown_total                tetragon_events_missing_process_info_total
  lockgate_program_missed_total{program}        tetragon_missed_prog_probes_total
  lockgate_program_runs_total{program}          tetragon_overhead_program_runs_total
  lockgate_program_seconds_total{program}       tetragon_overhead_program_seconds_total
  lockgate_tracing_policies{mode}               tetragon_tracingpolicy_loaded
  lockgate_map_entries{map}                     tetragon_map_entries
  lockgate_map_entries_max{map}                 tetragon_map_capacity
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_place(parser)
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print all there are; nothing of ours needs to run for that."""
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.metric import print_text, to_json
    from lockgate_runtime.tracing.metrics import all_metrics

    check_capabilities()
    check_bpffs(arguments.root)
    state = State(arguments.root, arguments.state)
    metrics = all_metrics(Pins(arguments.root), state)
    rows = to_json(metrics)
    show(arguments, Answer(rows, {"metrics": len(rows)}), print_text(metrics))
    return 0
