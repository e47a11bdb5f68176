"""E6400-E6409: recordings that ``replay`` and ``suggest`` read."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E6400",
        "bad-recorded-flow",
        "a line of a recording is no recorded flow",
        "Each line is one JSON object: what `hubble observe -o json` prints, what Hubble's "
        "exporter writes (the flow under `flow`), or what `lockgate observe -o json` prints.  "
        "The other lines are read all the same, but the answer is not about this one, so the "
        "exit code is 2 where nothing worse was found.  A line of more than 64 MiB, or 10,000 "
        "lines without one flow, end the reading: such a stream may have no end.",
        "Take the line out, or record anew.  A last line that breaks off was still being "
        "written: copy the file again.",
    ),
    Explanation(
        "E6401",
        "nothing-recorded",
        "a recording has no flow that could be judged",
        "A replay that judges nothing proves nothing.  Either the recording is empty, or all "
        "of its lines are replies and the like, or its pods are not in the snapshot.",
        "Look at what is said to be set aside and not judged; record with `hubble observe "
        "-o json`, and take snapshot and recording of the same cluster.",
    ),
    Explanation(
        "E6402",
        "broken-recording",
        "a compressed recording breaks off",
        "The file begins as gzip and does not end as it should, so flows are missing.",
        "Copy the file again, or wait until it is complete.",
    ),
    Explanation(
        "W6403",
        "lossy-recording",
        "events were lost while the recording was made",
        "Hubble and `lockgate observe` write down how many events nobody could read in time.  "
        "Flows that are missing can break without being reported.",
        "Record longer, record fewer kinds of flows, or enlarge the buffer.",
    ),
    Explanation(
        "W6404",
        "widened-to-world",
        "a suggested rule names everything outside instead of single addresses",
        "A workload talked with more addresses outside the cluster on one port than a person "
        "would review, so the suggestion allows the whole of that address family there.",
        "Replace the rule by the prefixes that you know, or by a name (toFQDNs), or raise "
        "--most-addresses.",
    ),
    Explanation(
        "N6405",
        "not-suggested",
        "for some workloads no policy is suggested",
        "No recorded flow has to do with them, so the recording says nothing of what they "
        "need; without a policy everything stays allowed to and from them.",
        "Record for longer, or deny everything with `--isolate-silent`.",
    ),
    Explanation(
        "N6406",
        "policies-passed-over",
        "policies of the input have no say in a suggestion",
        "A suggestion is drawn from the snapshot and the recording alone.",
        "Nothing to do; `lockgate diff` shows how it differs from the policies of today.",
    ),
    Explanation(
        "W6407",
        "mostly-not-judged",
        "more recorded flows could not be judged than could",
        "Their pods or nodes are not in the snapshot, or L7 rules decide and no request was "
        "recorded.  That nothing breaks says little then.",
        "Take the snapshot when the recording is made; record pod names and labels "
        "(without a field mask that leaves them out), and requests where L7 rules decide.",
    ),
)
