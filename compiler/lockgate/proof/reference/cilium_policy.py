"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, cilium.io/v2."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from typing import Any

from lockgate.proof.reference import application, selectors
from lockgate.proof.reference.cluster import NAMESPACE, Label
from lockgate.proof.reference.flow import End, Kind, Packet
from lockgate.proof.reference.opinion import Opinion, Redirect, Setting, name_of
from lockgate.proof.reference.traffic import cilium_icmp, cilium_port

Policy = dict[str, Any]


def opinion(
    policy: Policy,
    direction: str,
    subject: End,
    other: End,
    packet: Packet,
    setting: Setting,
) -> list[Opinion]:
    """Return one opinion for each of ``spec`` and ``specs`` that selects the subject."""
    specs = [policy["spec"]] if policy.get("spec") else []
    specs += policy.get("specs") or []
    namespace = None
    if policy["kind"] == "CiliumNetworkPolicy":
        namespace = policy["metadata"].get("namespace") or "default"
    said = []
    for number, spec in enumerate(specs):
        if _selects(spec, namespace, subject):
            judge = _Spec(spec, namespace, direction, subject, other, packet, setting)
            opinion = judge.opinion(name_of(policy))
            opinion.allowing = [f"{number}: {rule}" for rule in opinion.allowing]
            said.append(opinion)
    return said


def _selects(spec: Policy, namespace: str | None, subject: End) -> bool:
    if "nodeSelector" in spec:
        if subject.kind is not Kind.HOST or subject.node is None:
            return False
        labels = [Label("k8s", k, v) for k, v in subject.node.labels.items()]
        return selectors.cilium_matches(
            spec["nodeSelector"] or {}, [*labels, Label("reserved", "host", "")]
        )
    if subject.pod is None:
        return False
    selector = dict(spec.get("endpointSelector") or {})
    if namespace is not None:
        # The policy's namespace replaces the one that `k8s:` names in matchLabels.
        if subject.pod.namespace != namespace:
            return False
        selector["matchLabels"] = {
            key: value
            for key, value in (selector.get("matchLabels") or {}).items()
            if key != f"k8s:{NAMESPACE}"
        }
    return selectors.cilium_matches(selector, subject.labels)


class _Spec:
    """One spec, one direction, one packet."""

    def __init__(
        self,
        spec: Policy,
        namespace: str | None,
        direction: str,
        subject: End,
        other: End,
        packet: Packet,
        setting: Setting,
    ) -> None:
        self.spec, self.namespace, self.direction = spec, namespace, direction
        self.other, self.packet, self.setting = other, packet, setting
        self.listener = subject if direction == "ingress" else other
        self.word = "from" if direction == "ingress" else "to"

    def opinion(self, name: str) -> Opinion:
        """Judge all rules of the direction."""
        allows = self.spec.get(self.direction) or []
        denies = self.spec.get(self.direction + "Deny") or []
        asked = (self.spec.get("enableDefaultDeny") or {}).get(self.direction)
        isolates = bool(allows or denies) and asked is not False
        speaks = isolates or any(map(self._says_something, (*allows, *denies)))
        said = Opinion(name, isolates=isolates, speaks=speaks)
        for number, rule in enumerate(allows):
            if self._peers(rule):
                for part, effect in self._allow(rule):
                    said.effects.append(effect)
                    said.allowing.append(f"{name}[{number}].{part}")
        for rule in denies:
            if self._peers(rule) and self._traffic(rule):
                said.effects.append("deny")
        return said

    def _says_something(self, rule: Policy) -> bool:
        return any(
            name.startswith(self.word) or name == "icmps"
            for name, value in rule.items()
            if value is not None
        )

    # ------------------------------------------------------------ traffic

    def _traffic(self, rule: Policy) -> bool:
        ports, icmps = rule.get("toPorts") or [], rule.get("icmps") or []
        if not ports and not icmps:
            return True
        return any(map(self._port_rule, ports)) or self._icmp(icmps)

    def _port_rule(self, item: Policy) -> bool:
        ports = item.get("ports") or []  # without any, nothing matches
        return any(cilium_port(port, self.listener, self.packet) for port in ports)

    def _icmp(self, icmps: list[Policy]) -> bool:
        return any(
            cilium_icmp(field, self.packet, zero_is_any=self.setting.cilium)
            for item in icmps
            for field in item.get("fields") or []
        )

    def _allow(self, rule: Policy) -> list[tuple[int, str | Redirect]]:
        """Return an effect for each ``toPorts`` element that matches, with its place."""
        ports, icmps = rule.get("toPorts") or [], rule.get("icmps") or []
        if not ports and not icmps:
            return [(0, "accept")]
        effects: list[tuple[int, str | Redirect]] = []
        if self._icmp(icmps):
            effects.append((0, "accept"))
        for place, item in enumerate(ports):
            if not self._port_rule(item):
                continue
            parser = application.parser(item)
            if parser is None:
                effects.append((place, "accept"))
            else:
                redirect = Redirect(parser, partial(application.admits, item))
                effects.append((place, redirect))
        return effects

    # -------------------------------------------------------------- peers

    def _peers(self, rule: Policy) -> bool:
        names = (
            "Endpoints",
            "Nodes",
            "Entities",
            "CIDR",
            "CIDRSet",
            "Services",
            "FQDNs",
            "Groups",
        )
        given = {
            name: rule[self.word + name]
            for name in names
            if rule.get(self.word + name) is not None
        }
        if not given:
            # No peers: everyone, if the rule speaks of traffic; `{}` allows nothing.
            return bool(rule.get("toPorts") or rule.get("icmps"))
        if any(len(peers) == 0 for peers in given.values()):
            return False
        return any(
            getattr(self, "_" + name.lower())(peer)
            for name, peers in given.items()
            for peer in peers
        )

    def _endpoints(self, selector: Policy | None) -> bool:
        selector = selector or {}
        labels = self.other.labels
        if not selectors.cilium_matches(selector, labels):
            return False
        if selectors.mentions_source(selector, "reserved"):
            return True
        own = selectors.find("k8s:" + NAMESPACE, labels)
        if own is None:
            # Only pods have a namespace: a negative term does not select the world.
            return self.namespace is None and self._subject_is_init()
        if self.namespace is None or selectors.mentions_namespace(selector):
            return True
        return own == self.namespace

    def _subject_is_init(self) -> bool:
        selector = self.spec.get("endpointSelector") or {}
        return ("reserved", "init") in selectors.keys(selector)

    def _nodes(self, selector: Policy | None) -> bool:
        return self.other.kind is Kind.REMOTE_NODE and selectors.cilium_matches(
            selector or {}, self.other.labels
        )

    def _entities(self, entity: str) -> bool:
        reserved = {x.key for x in self.other.labels if x.source == "reserved"}
        is_pod = self.other.kind is Kind.POD
        match entity:
            case "all":
                return True
            case "cluster":
                return is_pod or bool(
                    reserved & {"host", "remote-node", "kube-apiserver"}
                )
            case "cluster-mesh":
                return is_pod
            case "world":
                return "world" in reserved
        return entity in reserved

    def _cidr(self, text: str) -> bool:
        return (
            self.other.kind is Kind.WORLD
            and self.other.address is not None
            and self.other.address in ip_network(text, False)
        )

    def _cidrset(self, item: Policy) -> bool:
        if any(self._cidr(text) for text in item.get("except") or []):
            return False
        if item.get("cidr"):
            return self._cidr(item["cidr"])
        return any(
            self._cidr(text)
            for name, group in self.setting.cluster.groups.items()
            if name == item.get("cidrGroupRef") or _group_matches(item, group)
            for text in group["spec"].get("externalCIDRs") or []
        )

    def _services(self, item: Policy) -> bool:
        for service in self.setting.cluster.services:
            if "k8sService" in item:
                wanted = item["k8sService"]
                chosen = service.name == wanted.get("serviceName")
            else:
                wanted = item["k8sServiceSelector"]
                chosen = selectors.cilium_matches(
                    wanted.get("selector") or {},
                    [Label("k8s", k, v) for k, v in service.labels.items()],
                )
            # Without a namespace, services of any are meant (Cilium's serviceRefMatches).
            is_there = wanted.get("namespace") in (None, "", service.namespace)
            if chosen and is_there and self.other.address in service.backends:
                return True
        return False

    def _fqdns(self, _: Policy) -> bool:
        return False  # no name has been learned

    def _groups(self, _: Policy) -> bool:
        return False  # nobody asks a cloud


def _group_matches(item: Policy, group: Policy) -> bool:
    if item.get("cidrGroupSelector") is None:
        return False
    labels = group["metadata"].get("labels") or {}
    return selectors.cilium_matches(
        item["cidrGroupSelector"], [Label("cidrgroup", k, v) for k, v in labels.items()]
    )
