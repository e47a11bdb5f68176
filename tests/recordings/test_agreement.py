"""A replay judges as the reference evaluator does, on random clusters with policies.

``LOCKGATE_EXAMPLES`` is how many clusters are drawn (30).
"""

from __future__ import annotations

import os
from collections import Counter
from io import BytesIO

from lockgate.diagnostics import Diagnostics
from lockgate.recordings.reader import Reading, read_records
from lockgate.recordings.replay import Change, Replay
from tests.conformance.compiling import make_options, parse_objects
from tests.properties.compare import compile_example, evaluate_example
from tests.properties.generate import generate
from tests.recordings.lines import text
from tests.recordings.recorder import Recorder, address_of, known_flows

EXAMPLES = int(os.environ.get("LOCKGATE_EXAMPLES", "30"))


def test_a_replay_agrees_with_the_evaluator() -> None:
    """What the evaluator denies would break, if it got through; what it allows newly passes."""
    seen: Counter[str] = Counter()
    for seed in range(EXAMPLES):
        example = generate(seed, flows=25)
        recorder = Recorder(example.objects)
        simulation, evaluator = compile_example(example), evaluate_example(example)
        cluster, _ = parse_objects(example.objects, make_options(), Diagnostics())
        for flow, ends in known_flows(recorder, example.flows):
            family = recorder.family(flow, ends)
            concrete = flow | {
                side: address_of(recorder, flow[side], end, family)
                for side, end in zip(("src", "dst"), ends, strict=True)
            }
            verdict = evaluator.judge(concrete).verdict
            lines = recorder.lines(flow, ends)
            for recorded in ("FORWARDED", "DROPPED"):
                for line in lines:
                    line["flow"]["verdict"] = recorded
                    line["flow"]["drop_reason_desc"] = "POLICY_DENIED"
                replay = Replay(simulation, cluster)
                content = BytesIO(text(*lines))
                replay.add(read_records("f", content, Reading(), Diagnostics()))
                outcome = replay.judge()
                changes = [row.change for row in outcome.rows]
                told = seed, flow, ends, recorded, verdict, outcome
                if verdict == "l7-deny":
                    assert outcome.not_judged, told  # no request was recorded
                elif recorded == "FORWARDED":
                    assert changes == [Change.LOST] * (verdict == "deny"), told
                else:
                    assert changes == [Change.GAINED] * (verdict != "deny"), told
            seen[verdict] += 1
    assert min(seen["allow"], seen["deny"]) > EXAMPLES, "the draw is of use"
