"""Flows as lines of text: when, verdict, who to whom, what, and which line says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate_runtime.observe.flows import Flow

_COLOURS = {"allowed": "32", "denied": "31", "audit": "33", "redirected": "36"}
_FAINT, _BOLD = "2", "1"

REASONS = {
    "established": "part of a flow that was allowed",
    "reply": "a reply",
    "related": "an ICMP error about an allowed flow",
    "exempt": "link-local upkeep (ARP, neighbour discovery, DHCP, MLD)",
    "unenforced": "needs a proxy, and nothing enforces that yet",
    "no_generation": "no policy is loaded",
    "no_endpoint": "the device belongs to no endpoint",
    "truncated": "the packet is cut short",
    "bad_header": "the IP header makes no sense",
    "bad_source": "a source address that nobody can have",
    "spoofed_source": "the source address is not the endpoint's own",
    "fragment_without_head": "a fragment whose first one was not seen",
    "unknown_extension_header": "an unknown IPv6 extension header",
    "too_many_extension_headers": "too many IPv6 extension headers",
    "unknown_protocol": "neither IPv4 nor IPv6 nor ARP",
    "bad_neighbour_discovery": "neighbour discovery from beyond the link",
    "conntrack_full": "the table of flows is full",
    "no_state": "belongs to no flow that was allowed",
    "bad_length": "the lengths in the packet contradict each other",
    "bad_transport_header": "the transport header makes no sense",
    "bad_tcp_flags": "TCP flags that no connection has",
    "bad_fragment": "a fragment that makes no sense",
    "bad_destination": "a destination address that nobody can have",
    "cut": "a policy cut this flow",
}
"""Reasons of ``layout`` other than policy and no_policy, in words."""


def print_flow(flow: Flow, *, colour: bool = False) -> str:
    """Return one line."""

    def paint(text: str, code: str | None) -> str:
        return f"\033[{code}m{text}\033[0m" if colour and code else text

    time = paint(flow.time[11:23], _FAINT)
    if flow.event == "lost":
        return f"{time}  {paint(f'{flow.packets} events lost', _BOLD)}"
    verdict = paint(f"{flow.verdict:<10}", _COLOURS.get(flow.verdict))
    if flow.event == "flow_end":
        verdict = paint(f"{'ended':<10}", _FAINT)
    ends = f"{paint(str(flow.source), _BOLD)} → {paint(str(flow.destination), _BOLD)}"
    parts = [time, verdict, f"{flow.direction:<7}", ends, _traffic(flow)]
    return "  ".join(filter(None, parts)) + f"  {paint(explain(flow), _FAINT)}"


def explain(flow: Flow) -> str:
    """Say why, in one sentence, with the place in the policy where there is one."""
    if flow.event == "flow_end":
        return f"{flow.packets} packets, {flow.bytes} bytes"
    if flow.reason not in ("policy", "no_policy"):
        return REASONS.get(flow.reason, flow.reason.replace("_", " "))
    places = _join([_without_column(place) for place in flow.places])
    match flow.effect:
        case None:
            return "no policy" if flow.reason == "no_policy" else "a rule that is gone"
        case "no-policy":
            return "no policy selects the endpoint"
        case "default-deny":
            verb = "select" if len(flow.places) > 1 else "selects"
            because = f", because {places} {verb} it" if places else ""
            return f"default deny{because}"
        case _:
            return (
                " ".join(filter(None, [_join(flow.policies), places]))
                or flow.rule
                or ""
            )


def _traffic(flow: Flow) -> str:
    if flow.icmp_type is not None:
        return f"{flow.protocol} type {flow.icmp_type} code {flow.icmp_code}"
    flags = ",".join(flow.tcp_flags)
    return f"{flow.protocol or ''} {flags}".strip()


def _without_column(place: str) -> str:
    """``file:line`` of ``file:line:column``."""
    return place.rsplit(":", 1)[0]


def _join(words: list[str] | tuple[str, ...], most: int = 3) -> str:
    unique = list(dict.fromkeys(words))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(unique[:most]) + more
