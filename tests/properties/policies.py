"""Random policies of every kind; all of them are valid."""

from __future__ import annotations

from functools import partial

from lockgate.proof.reference.opinion import name_of
from tests.properties.clusters import ClusterDraw
from tests.properties.draw import NAMESPACES, PORT_NAMES, Object

HTTP_RULES: list[Object] = [
    {},
    {"method": "GET"},
    {"path": "/a.*", "method": "GET|HEAD"},
    {"host": "x\\.example", "headers": ["X-Key: 1"]},
    {"headerMatches": [{"name": "X-Key", "value": "2"}]},
]
DNS_RULES: list[Object] = [
    {"matchName": "a.example"},
    {"matchPattern": "*.example"},
    {"matchPattern": "**.b.example"},
    {"matchPattern": "*"},
]


class PolicyDraw(ClusterDraw):
    """Draws policies over the snapshot's vocabulary."""

    def policies(self) -> None:
        """Draw a few policies of all kinds."""
        draw = (
            self.network_policy,
            self.cilium_policy,
            self.clusterwide_policy,
            self.cluster_network_policy,
        )
        audited = self.random.choice([0.1, 0.1, 0.5, 1.0])
        for index in range(self.random.randint(1, 6)):
            self.random.choice(draw)(index)
            if self.random.random() < audited / 2:
                annotations = {"lockgate.dev/audit": "true"}
                self.objects[-1]["metadata"]["annotations"] = annotations
            elif self.random.random() < audited:
                self.audited.append(name_of(self.objects[-1]))

    def network_policy(self, index: int) -> None:
        """Draw a NetworkPolicy."""
        spec: Object = {"podSelector": self.selector()}
        for direction, word in (("ingress", "from"), ("egress", "to")):
            if self.random.random() < 0.6:
                rules = self.many(0, 2, partial(self.network_rule, word))
                spec[direction] = rules
        if self.random.random() < 0.7:
            spec["policyTypes"] = self.random.choice(
                [["Ingress"], ["Egress"], ["Ingress", "Egress"]]
            )
        self.add(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            f"np{index}",
            self.random.choice(NAMESPACES),
            spec=spec,
        )

    def network_rule(self, word: str) -> Object:
        """Draw one rule of a NetworkPolicy."""
        rule: Object = {}
        if self.random.random() < 0.8:
            rule[word] = self.many(1, 2, self.network_peer)
        if self.random.random() < 0.6:
            rule["ports"] = self.many(1, 2, self.network_port)
        return rule

    def network_peer(self) -> Object:
        """Draw one peer of a NetworkPolicy."""
        kind = self.random.randrange(4)
        if kind == 0:
            block: Object = {"cidr": self.network()}
            if inner := self.inside(block["cidr"]):
                block["except"] = inner
            return {"ipBlock": block}
        peer: Object = {}
        if kind in (1, 3):
            peer["podSelector"] = self.selector()
        if kind in (2, 3):
            peer["namespaceSelector"] = self.selector(of_namespace=True)
        return peer

    def network_port(self) -> Object:
        """Draw one port of a NetworkPolicy."""
        port: Object = {}
        if self.random.random() < 0.7:
            port["protocol"] = self.random.choice(["TCP", "UDP", "SCTP"])
        kind = self.random.randrange(4)
        if kind == 0:
            port["port"] = self.random.choice(PORT_NAMES)[0]
        elif kind == 1:
            port["port"] = self.port()
        elif kind == 2:
            port["port"], port["endPort"] = self.range()
        return port

    def cluster_network_policy(self, index: int) -> None:
        """Draw a ClusterNetworkPolicy; of two with the same priority names decide."""
        spec: Object = {
            "tier": self.random.choice(["Admin", "Baseline"]),
            "priority": self.random.choice([0, 10, index * 10]),
            "subject": self.pods_or_namespaces(),
        }
        for direction, word in (("ingress", "from"), ("egress", "to")):
            if self.random.random() < 0.7:
                spec[direction] = self.many(1, 3, partial(self.tier_rule, word))
        api = "policy.networking.k8s.io/v1alpha2"
        self.add(api, "ClusterNetworkPolicy", f"cl{index}", None, spec=spec)

    def tier_rule(self, word: str) -> Object:
        """Draw one rule of a ClusterNetworkPolicy."""
        rule: Object = {
            "action": self.random.choice(["Accept", "Deny", "Pass"]),
            word: self.many(1, 2, lambda: self.tier_peer(word)),
        }
        has_named = not any(p.keys() & {"networks", "nodes"} for p in rule[word])
        if self.random.random() < 0.5:
            rule["protocols"] = self.many(1, 2, lambda: self.tier_port(named=has_named))
        return rule

    def tier_peer(self, word: str) -> Object:
        """Draw one peer; only egress has networks and nodes."""
        if word == "to" and self.random.random() < 0.4:
            if self.random.random() < 0.7:
                return {"networks": self.networks(self.random.randint(1, 2))}
            return {"nodes": self.random.choice([{}, {"matchLabels": {"zone": "x"}}])}
        return self.pods_or_namespaces()

    def tier_port(self, *, named: bool) -> Object:
        """Draw one of ``protocols``."""
        if named and self.random.random() < 0.3:
            return {"destinationNamedPort": self.random.choice(PORT_NAMES)[0]}
        protocol = self.random.choice(["tcp", "udp", "sctp"])
        if self.random.random() < 0.5:
            return {protocol: {"destinationPort": {"number": self.port()}}}
        first, last = self.range()
        if first == last:
            return {protocol: {"destinationPort": {"number": first}}}
        return {protocol: {"destinationPort": {"range": {"start": first, "end": last}}}}

    def pods_or_namespaces(self) -> Object:
        """Draw what a ClusterNetworkPolicy calls a subject or a peer."""
        if self.random.random() < 0.5:
            return {"namespaces": self.selector(of_namespace=True)}
        pods = {
            "namespaceSelector": self.selector(of_namespace=True),
            "podSelector": self.selector(),
        }
        return {"pods": pods}

    def cilium_policy(self, index: int) -> None:
        """Draw a CiliumNetworkPolicy."""
        namespace = self.random.choice(NAMESPACES)
        body = self.cilium_spec(wide=False)
        self.add("cilium.io/v2", "CiliumNetworkPolicy", f"c{index}", namespace, **body)

    def clusterwide_policy(self, index: int) -> None:
        """Draw a CiliumClusterwideNetworkPolicy, now and then for nodes."""
        body = self.cilium_spec(wide=True)
        if self.random.random() < 0.3 and "spec" in body:
            del body["spec"]["endpointSelector"]
            selector = self.random.choice([{}, {"matchLabels": {"zone": "x"}}])
            body["spec"]["nodeSelector"] = selector
        kind = "CiliumClusterwideNetworkPolicy"
        self.add("cilium.io/v2", kind, f"w{index}", None, **body)

    def cilium_spec(self, *, wide: bool) -> Object:
        """Draw ``spec`` or ``specs``."""
        if self.random.random() < 0.15:
            return {"specs": self.many(1, 2, lambda: self.one_spec(wide=wide))}
        return {"spec": self.one_spec(wide=wide)}

    def one_spec(self, *, wide: bool) -> Object:
        """Draw one rule set of a Cilium kind; at least one section has rules."""
        spec: Object = {"endpointSelector": self.selector(sources=True)}
        sections = ["ingress", "egress", "ingressDeny", "egressDeny"]
        chosen = self.random.sample(sections, self.random.randint(1, 3))
        for section in chosen:
            word = "from" if section.startswith("ingress") else "to"
            # Host policies have no rules for HTTP, deny rules none for L7 at all.
            with_l7 = not wide and not section.endswith("Deny")
            draw = partial(self.cilium_rule, word, wide=wide, with_l7=with_l7)
            spec[section] = self.many(1, 2, draw)
        if self.random.random() < 0.25:
            direction = self.random.choice(["ingress", "egress"])
            spec["enableDefaultDeny"] = {direction: self.random.random() < 0.3}
        return spec

    def cilium_rule(self, word: str, *, wide: bool, with_l7: bool) -> Object:
        """Draw one rule: at most one kind of peer, ports (with L7 rules) or ICMP types."""
        rule: Object = {}
        kind = self.random.randrange(8)
        if kind <= 2:
            rule[word + "Endpoints"] = self.many(
                0, 2, lambda: self.endpoint_selector(wide=wide)
            )
        elif kind == 3:
            rule[word + "Entities"] = self.many(1, 2, self.entity)
        elif kind == 4:
            rule[word + "CIDR"] = self.networks(self.random.randint(1, 2))
        elif kind == 5:
            rule[word + "CIDRSet"] = self.many(1, 2, self.cidr_item)
        elif kind == 6 and word == "to":
            service = {"serviceName": "s", "namespace": "a"}
            rule["toServices"] = [{"k8sService": service}]
        elif kind == 6:
            rule[word + "Nodes"] = [
                self.random.choice([{}, {"matchLabels": {"zone": "x"}}])
            ]
        traffic = self.random.randrange(6)
        if traffic <= 1:
            ports = self.many(1, 3, self.cilium_port)
            rule["toPorts"] = [{"ports": ports}]
        elif traffic == 2:
            fields = self.many(1, 2, self.icmp_field)
            rule["icmps"] = [{"fields": fields}]
        elif traffic == 3 and with_l7:
            rule["toPorts"] = [self.l7_ports(word)]
        return rule

    def l7_ports(self, word: str) -> Object:
        """Draw ports with HTTP or DNS rules, the two on ports of their own."""
        if word == "to" and self.random.random() < 0.3:
            name = self.random.choice(DNS_RULES)
            port = {"port": "53", "protocol": self.random.choice(["UDP", "ANY"])}
            return {"ports": [port], "rules": {"dns": [name]}}
        rules = self.random.sample(HTTP_RULES, self.random.randint(1, 2))
        port = {"port": self.random.choice(["80", "8080", "http"]), "protocol": "TCP"}
        return {"ports": [port], "rules": {"http": rules}}

    def endpoint_selector(self, *, wide: bool) -> Object:
        """Draw one selector of peers."""
        kind = self.random.randrange(8)
        if kind == 0:
            name = self.random.choice(["host", "remote-node", "world"])
            return {"matchLabels": {f"reserved:{name}": ""}}
        selector = self.selector(sources=True)
        if kind == 1:
            key = "k8s:io.kubernetes.pod.namespace"
            selector.setdefault("matchLabels", {})[key] = self.random.choice(NAMESPACES)
        elif kind == 2:
            key = "k8s:io.cilium.k8s.namespace.labels.team"
            selector.setdefault("matchLabels", {})[key] = "red"
        elif kind == 3:
            key = "io.cilium.k8s.policy.serviceaccount"
            selector.setdefault("matchLabels", {})[key] = "robot"
        elif kind == 4 and not wide:
            expression = {
                "key": "k8s:io.kubernetes.pod.namespace",
                "operator": self.random.choice(["NotIn", "In"]),
                "values": [self.random.choice(NAMESPACES)],
            }
            selector.setdefault("matchExpressions", []).append(expression)
        return selector

    def entity(self) -> str:
        """Draw an entity."""
        entities = ("all", "world", "world-ipv4", "world-ipv6", "host", "remote-node")
        return self.random.choice((*entities, "cluster", "kube-apiserver", "none"))

    def cidr_item(self) -> Object:
        """Draw one item of a CIDRSet."""
        kind = self.random.randrange(4)
        if kind == 0:
            return {"cidrGroupRef": self.random.choice(["g0", "g1"])}
        if kind == 1:
            return {"cidrGroupSelector": {"matchLabels": {"team": "red"}}}
        item: Object = {"cidr": self.network()}
        if inner := self.inside(item["cidr"]):
            item["except"] = inner
        return item

    def cilium_port(self) -> Object:
        """Draw one of ``toPorts[].ports``."""
        port: Object = {}
        protocol = self.random.choice(["TCP", "UDP", "SCTP", "ANY", None])
        if protocol:
            port["protocol"] = protocol
        kind = self.random.randrange(5)
        if kind == 0:
            port["port"] = self.random.choice(PORT_NAMES)[0]
        elif kind == 1:
            port["port"] = "0"
        elif kind == 2:
            first, last = self.range()
            port["port"], port["endPort"] = str(first), last
        else:
            port["port"] = str(self.port())
        return port

    def icmp_field(self) -> Object:
        """Draw an ICMP type."""
        if self.random.random() < 0.5:
            return {"type": self.random.choice([0, 3, 8, "EchoRequest", 255])}
        return {"family": "IPv6", "type": self.random.choice([1, 128, "EchoReply"])}
