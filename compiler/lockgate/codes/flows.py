"""E2240-E2249: flows that ``simulate`` and ``explain`` are asked about."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E2240",
        "bad-flow",
        "a line is no flow",
        "Each line holds one JSON object with src, dst, protocol and port.  src and dst are "
        "namespace/pod, an address, @host (the node of the other end, else --node) or "
        "@remote-node; protocol is TCP, UDP, SCTP, ICMP or ICMPv6; port is a number, "
        "for ICMP the type.",
        'Write the flow like {"src": "a/client", "dst": "a/web", "protocol": "TCP", '
        '"port": 80}.',
    ),
    Explanation(
        "E2241",
        "unknown-end",
        "a flow names somebody whom the snapshot does not have",
        "An end of a flow is no pod with an address, no pod on the host network of a known "
        "node, and no address.  A pod that has finished, or that has no address yet, sends "
        "and receives nothing.",
        "Correct the name, or take a new snapshot.",
    ),
    Explanation(
        "E2242",
        "families-disagree",
        "a flow comes out differently for IPv4 and for IPv6",
        "Both ends of the flow have addresses of both families, and prefixes in the "
        "policies speak of one family only, or differently of the two.  What happens "
        "depends on the family that the client chooses.",
        "Let the policy speak of both families alike, or ask about one address instead of "
        "the pod.",
    ),
)
