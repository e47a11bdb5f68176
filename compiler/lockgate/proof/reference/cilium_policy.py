"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, cilium.io/v2."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lockgate.proof.reference import application, selectors
from lockgate.proof.reference.addresses import contains
from lockgate.proof.reference.flow import End, Kind
from lockgate.proof.reference.located import place
from lockgate.proof.reference.opinion import (
    DIRECTIONS,
    PeerTest,
    Reason,
    Redirect,
    Rule,
    Setting,
    Statement,
    TrafficTest,
    name_of,
)
from lockgate.proof.reference.selectors import NAMESPACE, Label
from lockgate.proof.reference.traffic import (
    cilium_icmp,
    cilium_icmp_protocol,
    cilium_port,
    cilium_protocols,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Policy = dict[str, Any]

ANYONE = PeerTest("anyone", lambda _: True)
PEERS = (
    "Endpoints",
    "Nodes",
    "Entities",
    "CIDR",
    "CIDRSet",
    "Services",
    "FQDNs",
    "Groups",
)


def read(policy: Policy, setting: Setting) -> Iterator[Statement]:
    """Yield one statement for ``spec`` and one for each of ``specs``."""
    specs = [("spec", policy["spec"])] if policy.get("spec") else []
    specs += [(f"specs[{i}]", spec) for i, spec in enumerate(policy.get("specs") or [])]
    namespace = None
    if policy["kind"] == "CiliumNetworkPolicy":
        namespace = policy["metadata"].get("namespace") or "default"
    for part, spec in specs:
        reader = _Spec(name_of(policy), part, spec, namespace, setting)
        yield Statement(
            policy=name_of(policy),
            part=part,
            place=place(
                spec, "nodeSelector" if "nodeSelector" in spec else "endpointSelector"
            ),
            selects=partial(_selects, spec, namespace),
            isolates={d: _isolates(spec, d) for d in DIRECTIONS},
            rules={d: tuple(reader.rules(d)) for d in DIRECTIONS},
            namespace=namespace,
            audited=setting.is_audited(policy),
        )


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


def _isolates(spec: Policy, direction: str) -> bool:
    asked = (spec.get("enableDefaultDeny") or {}).get(direction)
    has_rules = bool(spec.get(direction) or spec.get(direction + "Deny"))
    return has_rules and asked is not False


class _Spec:
    """One spec, its rules."""

    def __init__(
        self,
        name: str,
        part: str,
        spec: Policy,
        namespace: str | None,
        setting: Setting,
    ) -> None:
        self.name, self.part, self.spec = name, part, spec
        self.namespace, self.setting = namespace, setting

    def rules(self, direction: str) -> Iterator[Rule]:
        """Yield a rule for each ``toPorts`` or ``icmps`` element, or one without them."""
        word = "from" if direction == "ingress" else "to"
        for field in (direction, direction + "Deny"):
            for number, item in enumerate(self.spec.get(field) or []):
                path = f"{self.part}.{field}[{number}]"
                yield from self._of_item(item, path, word, field.endswith("Deny"))

    def _of_item(
        self, item: Policy, path: str, word: str, is_deny: bool
    ) -> Iterator[Rule]:
        ports, icmps = item.get("toPorts") or [], item.get("icmps") or []
        peers = self._peers(item, word)
        if peers is None and not ports and not icmps:
            return  # `{}` isolates, and allows nothing
        peers = (ANYONE,) if peers is None else peers
        if not ports and not icmps:
            yield self._rule(path, item, item, peers, None, is_deny)
        for number, element in enumerate(ports):
            tests = tuple(map(_port_test, element.get("ports") or []))
            at = item if len(ports) == 1 else element
            where = f"{path}.toPorts[{number}]"
            yield self._rule(where, at, item, peers, tests, is_deny, element)
        for number, element in enumerate(icmps):
            fields = element.get("fields") or []
            tests = tuple(map(self._icmp_test, fields))
            at = item if len(icmps) == 1 else element
            where = f"{path}.icmps[{number}]"
            yield self._rule(where, at, item, peers, tests, is_deny)

    def _rule(
        self,
        path: str,
        at: Policy,
        item: Policy,
        peers: tuple[PeerTest, ...],
        traffic: tuple[TrafficTest, ...] | None,
        is_deny: bool,
        ports: Policy | None = None,
    ) -> Rule:
        """Put a rule together; ``at``: where it stands."""
        effect: str | Redirect = "deny" if is_deny else self._allow(item, ports or {})
        word = effect if isinstance(effect, str) else "redirect"
        if word == "accept":
            word = "allow"
        reason = Reason(f"{self.name}#{path}", word, (self.name,), (place(at),))
        return Rule(reason, effect, peers, traffic)

    def _allow(self, item: Policy, ports: Policy) -> str | Redirect:
        parser = application.parser(ports)
        mode = (item.get("authentication") or {}).get("mode")
        authenticates = mode not in (None, "disabled")
        if parser is None and not authenticates:
            return "accept"
        name, rank = parser or application.AUTHENTICATION
        return Redirect(
            name,
            0 if authenticates else rank,  # nothing passes without it
            partial(application.admits, ports),
            authenticates,
        )

    def _icmp_test(self, field: Policy) -> TrafficTest:
        zero_is_any = self.setting.cilium
        return TrafficTest(
            f"icmp {field!r}",
            lambda _, packet: cilium_icmp(field, packet, zero_is_any=zero_is_any),
            (cilium_icmp_protocol(field),),
        )

    # -------------------------------------------------------------- peers

    def _peers(self, item: Policy, word: str) -> tuple[PeerTest, ...] | None:
        """Return the tests of all peers; None where no kind of peer is named."""
        given = {
            name: item[word + name]
            for name in PEERS
            if item.get(word + name) is not None
        }
        if not given:
            return None
        if any(len(peers) == 0 for peers in given.values()):
            return ()  # an empty list selects nobody
        return tuple(
            PeerTest(
                f"{self._home()} {name} {peer!r}",
                partial(getattr(self, "_" + name.lower()), peer),
                within=self._within(name, peer),
            )
            for name, peers in given.items()
            for peer in peers
        )

    def _within(self, name: str, peer: Any) -> tuple[str, ...] | None:  # noqa: ANN401  # any item
        """Return where the addresses of a peer are; None where it is not about addresses."""
        cluster = self.setting.cluster
        match name:
            case "CIDR":
                return (peer,)
            case "CIDRSet" if peer.get("cidr"):
                return (peer["cidr"],)
            case "CIDRSet":
                groups = cluster.groups.values()
                return tuple(
                    text
                    for g in groups
                    for text in g["spec"].get("externalCIDRs") or []
                )
            case "Services":
                return tuple(str(a) for s in cluster.services for a in s.backends)
        return None

    def _home(self) -> str:
        return f"{self.namespace} {self._subject_is_init()}"

    def _endpoints(self, selector: Policy | None, other: End) -> bool:
        selector = selector or {}
        labels = other.labels
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

    def _nodes(self, selector: Policy | None, other: End) -> bool:
        return other.kind is Kind.REMOTE_NODE and selectors.cilium_matches(
            selector or {}, other.labels
        )

    def _entities(self, entity: str, other: End) -> bool:
        reserved = {x.key for x in other.labels if x.source == "reserved"}
        is_pod = other.kind is Kind.POD
        match entity:
            case "all":
                return True
            case "cluster" | "cluster-mesh":
                return is_pod or bool(
                    reserved & {"host", "remote-node", "kube-apiserver"}
                )
            case "world":
                return "world" in reserved
        return entity in reserved

    def _cidr(self, text: str, other: End) -> bool:
        return other.kind is Kind.WORLD and contains(text, other.position)

    def _cidrset(self, item: Policy, other: End) -> bool:
        if any(self._cidr(text, other) for text in item.get("except") or []):
            return False
        if item.get("cidr"):
            return self._cidr(item["cidr"], other)
        return any(
            self._cidr(text, other)
            for name, group in self.setting.cluster.groups.items()
            if name == item.get("cidrGroupRef") or _group_matches(item, group)
            for text in group["spec"].get("externalCIDRs") or []
        )

    def _services(self, item: Policy, other: End) -> bool:
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
            if chosen and is_there and other.address in service.backends:
                return True
        return False

    def _fqdns(self, _: Policy, _other: End) -> bool:
        return False  # no name has been learned

    def _groups(self, _: Policy, _other: End) -> bool:
        return False  # nobody asks a cloud


def _port_test(port: Policy) -> TrafficTest:
    text = str(port.get("port") or "0")
    return TrafficTest(
        f"cilium {port!r}",
        partial(cilium_port, port),
        cilium_protocols(port),
        is_named=not text.isdigit(),
    )


def _group_matches(item: Policy, group: Policy) -> bool:
    if item.get("cidrGroupSelector") is None:
        return False
    labels = group["metadata"].get("labels") or {}
    return selectors.cilium_matches(
        item["cidrGroupSelector"], [Label("cidrgroup", k, v) for k, v in labels.items()]
    )
