"""Recordings of random clusters: lines for their flows, and who stands at the ends."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from tests.properties.clusters import SERVICES
from tests.recordings.lines import hubble

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.properties.draw import Object

SERVED = (SERVICES[0], "TCP", 80)
SNAPSHOT = ("Namespace", "Node", "Pod", "Service", "EndpointSlice")


class Recorder:
    """Writes lines about flows of a random cluster, and knows what stands for whom."""

    def __init__(self, objects: Iterable[Object]) -> None:
        self.pods: dict[str, Object] = {}
        self.nodes: dict[str, Object] = {}
        self.owner: dict[str, str] = {}
        self.api_servers: set[str] = set()
        for item in objects:
            meta = item["metadata"]
            if item["kind"] == "Node":
                self.nodes[meta["name"]] = item
                for address in item["status"]["addresses"]:
                    self.owner[address["address"]] = f"node {meta['name']}"
            if item["kind"] == "EndpointSlice" and meta["namespace"] == "default":
                self.api_servers |= set(item["endpoints"][0]["addresses"])
        for item in objects:
            if item["kind"] == "Pod" and "hostNetwork" not in item["spec"]:
                meta = item["metadata"]
                key = f"{meta['namespace']}/{meta['name']}"
                self.pods[key] = item
                for ip in item["status"]["podIPs"]:
                    self.owner[ip["ip"]] = key

    def ends(self, flow: Object) -> tuple[str, str] | None:
        """Return who the ends are: a pod, ``node NAME``, or an address; None for others."""
        found = []
        named = str(flow["src"]), str(flow["dst"])
        for one, other in (named, named[::-1]):
            end = self.owner.get(one, str(one))
            if one in ("@host", "@remote-node"):
                pod = self.pods.get(self.owner.get(other, other))
                if pod is None:
                    return None
                own = pod["spec"]["nodeName"]
                rest = [name for name in sorted(self.nodes) if name != own]
                end = f"node {own if one == '@host' else rest[0]}"
            elif "/" in end and end not in self.pods:
                return None  # on the host network, or finished
            found.append(end)
        if not any(end in self.pods for end in found) or found[0] == found[1]:
            return None
        return found[0], found[1]

    def family(self, flow: Object, ends: tuple[str, str]) -> int:
        """Return the family of a flow between these ends: the first that both have."""
        both = {4, 6}
        for end, named in zip(ends, (flow["src"], flow["dst"]), strict=True):
            both &= {ip_address(a).version for a in self._addresses(end, named)}
        if flow["protocol"] in ("ICMP", "ICMPv6"):
            both &= {4 if flow["protocol"] == "ICMP" else 6}
        return min(both, default=0)

    def _addresses(self, end: str, named: str) -> list[str]:
        if named in self.owner or (end == named and end not in self.pods):
            return [named]
        return [address for address, owner in self.owner.items() if owner == end]

    def group(self, end: str, other: str) -> object:
        """Return what a policy cannot tell from this end."""
        if end in self.pods:
            meta = self.pods[end]["metadata"]
            return meta["namespace"], tuple(sorted(meta["labels"].items()))
        if not end.startswith("node "):
            return end
        node = end.removeprefix("node ")
        addresses = self.nodes[node]["status"]["addresses"]
        if self.api_servers & {item["address"] for item in addresses}:
            return "API server"
        return "own" if self.pods[other]["spec"]["nodeName"] == node else "node"

    def lines(self, flow: Object, ends: tuple[str, str]) -> list[Object]:
        """Return the lines of both sides, as far as they are pods."""
        family, found = self.family(flow, ends), []
        protocol = "ICMPv4" if flow["protocol"] == "ICMP" else str(flow["protocol"])
        for direction, judge in (("EGRESS", ends[0]), ("INGRESS", ends[1])):
            if judge not in self.pods:
                continue
            line = hubble("a", "b", flow["port"], protocol, direction=direction)
            named = (flow["src"], flow["dst"])
            for side, end, name in zip(
                ("source", "destination"), ends, named, strict=True
            ):
                addresses = [
                    a
                    for a in self._addresses(end, name)
                    if ip_address(a).version == family
                ]
                line["flow"]["IP"][side] = addresses[0]
                line["flow"][side] = self._end(end, judge)
            found.append(line)
        return found

    def _end(self, end: str, judge: str) -> Object:
        if end in self.pods:
            namespace, name = end.split("/")
            labels = self.pods[end]["metadata"]["labels"]
            texts = [f"k8s:{key}={value}" for key, value in labels.items()]
            return {"namespace": namespace, "pod_name": name, "labels": texts}
        if end.startswith("node "):
            own = self.pods[judge]["spec"]["nodeName"] == end.removeprefix("node ")
            return {"labels": [f"reserved:{'host' if own else 'remote-node'}"]}
        return {"labels": ["reserved:world"]}


def known_flows(
    recorder: Recorder, flows: list[Object]
) -> list[tuple[Object, tuple[str, str]]]:
    """Return the flows between known ends that a policy can name."""
    found = []
    for whole in flows:
        flow = {k: whole[k] for k in ("src", "dst", "protocol", "port")}
        ends = recorder.ends(flow)
        if ends and can_be_said(flow) and recorder.family(flow, ends):
            found.append((flow, ends))
    return found


def can_be_said(flow: Object) -> bool:
    """Whether a policy can name this traffic; a service must serve the port."""
    if flow["dst"] in SERVICES:
        return (flow["dst"], flow["protocol"], flow["port"]) == SERVED
    return bool(flow["port"] or flow["protocol"].startswith("ICMP"))


def address_of(recorder: Recorder, named: str, end: str, family: int) -> str:
    """Return the address of an end in one family; what names no pod stays as it is named."""
    if named in recorder.owner or end not in recorder.pods:
        return named
    return next(
        address
        for address, owner in recorder.owner.items()
        if owner == end and ip_address(address).version == family
    )
