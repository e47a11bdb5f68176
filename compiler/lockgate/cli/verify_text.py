"""Print what a kernel said of a bundle, for people."""

from __future__ import annotations

from typing import Any

from lockgate_runtime.verify import print_rows


def print_result(result: dict[str, Any]) -> str:
    """Return one kernel's answer about one bundle or object."""
    head = f"{result['path']} on Linux {result['kernel']}: {result['outcome']}"
    if "error" in result:
        error = result["error"]
        lines = error["message"].splitlines()
        return "\n  ".join(
            [f"{head} [{error['code']}]", *lines, f"help: {error['help']}"]
        )
    parts = [head, print_rows(result["programs"])]
    if result["packets"]:
        parts += _print_packets(result["packets"])
    if "attestation" in result:
        parts.append(f"written to {result['attestation']}")
    return "\n".join(parts)


def _print_packets(packets: dict[str, Any]) -> list[str]:
    sent, different = packets["sent"], packets["different"]
    lines = [
        f"{sent} packets of {packets['possible']} kinds through "
        f"{', '.join(packets['through'])}: "
        f"{sent - different} decided as the tables say, {different} otherwise"
    ]
    lines += [
        f"  {count} could not be sent: {why}"
        for why, count in packets["unasked"].items()
    ]
    for one in packets["differences"]:
        arrow = "←" if one["direction"] == "ingress" else "→"
        lines += [
            f"  {one['subject']} {one['local']} {arrow} {one['remote']} "
            f"{one['protocol']} {one['port']} ({one['direction']})",
            f"    the tables say {one['expected']}",
            f"    the program    {one['taken']}",
        ]
    if different > len(packets["differences"]):
        lines.append(f"  and {different - len(packets['differences'])} more")
    return lines
