"""Random clusters: namespaces, nodes, pods, services, groups of prefixes."""

from __future__ import annotations

from tests.properties.draw import APPS, NAMESPACES, PORT_NAMES, Draw, Object

NODES = ("node-0", "node-1")
SERVICE, OTHER_SERVICE = "10.96.0.10", "10.96.0.11"
SERVICES = (SERVICE, OTHER_SERVICE)
OUTSIDE_BACKENDS = ("192.0.2.7", "198.51.100.1", "192.168.0.10")


class ClusterDraw(Draw):
    """Draws a snapshot."""

    def cluster(self) -> None:
        """Draw namespaces, nodes, pods, services and groups of prefixes."""
        for name in NAMESPACES:
            labels = {"kubernetes.io/metadata.name": name}
            labels |= self.some({"team": ["red", "blue"], "env": ["prod", "dev"]})
            self.add("v1", "Namespace", name, None, labels=labels)
        for index, name in enumerate(NODES):
            addresses = [f"192.168.0.1{index}"]
            addresses += [f"fd00::1{index}"] if self.dual else []
            status = {
                "addresses": [{"type": "InternalIP", "address": a} for a in addresses]
            }
            labels = {"zone": self.random.choice(["x", "y"])}
            self.add("v1", "Node", name, None, labels=labels, status=status)
        for index in range(self.random.randint(4, 8)):
            self.pod(index)
        self.service()
        self.other_service()
        self.api_server()
        for name, label in (("g0", "red"), ("g1", "blue")):
            spec = {"externalCIDRs": self.networks(self.random.randint(1, 3))}
            labels = {"team": label}
            kind = "CiliumCIDRGroup"
            self.add("cilium.io/v2", kind, name, None, labels=labels, spec=spec)

    def pod(self, index: int) -> None:
        """Draw a pod; now and then one on the host network, or one that has finished."""
        node = self.random.choice(NODES)
        number = NODES.index(node)
        labels = {"app": self.random.choice(APPS)}
        labels |= self.some({"tier": ["x", "y"], "version": ["v1", ""]})
        is_host = index and self.random.random() < 0.1
        addresses = [f"10.244.{number}.{10 + index}"]
        if self.dual and self.random.random() < 0.8:
            addresses.append(f"fd00:244:{number}::{10 + index:x}")
        if is_host:
            addresses = [f"192.168.0.1{number}"]
        ports = [
            {
                "name": name,
                "protocol": protocol,
                "containerPort": self.random.choice(of),
            }
            for name, protocol, of in PORT_NAMES
            if self.random.random() < 0.5
        ]
        spec: Object = {
            "nodeName": node,
            "serviceAccountName": self.random.choice(["default", "robot"]),
            "containers": [{"name": "c", "image": "i", "ports": ports}],
        }
        if is_host:
            spec["hostNetwork"] = True
        status = {
            "phase": "Running",
            "podIP": addresses[0],
            "podIPs": [{"ip": address} for address in addresses],
        }
        namespace = self.random.choice(NAMESPACES)
        self.add(
            "v1", "Pod", f"p{index}", namespace, labels=labels, spec=spec, status=status
        )
        self.pods.append(self.objects[-1])

    def api_server(self) -> None:
        """Draw where the API server is: on a node, outside, or nobody knows."""
        address = self.random.choice(["192.168.0.10", "198.51.100.1", None])
        if address is None:
            return
        self.add(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "kubernetes",
            "default",
            labels={"kubernetes.io/service-name": "kubernetes"},
            addressType="IPv4",
            ports=[{"name": "https", "port": 6443, "protocol": "TCP"}],
            endpoints=[{"addresses": [address], "conditions": {"ready": True}}],
        )

    def service(self) -> None:
        """Draw a service with up to three ready backends and one that is not."""
        addresses = [
            pod["status"]["podIP"]
            for pod in self.pods
            if "hostNetwork" not in pod["spec"]
        ]
        chosen = self.random.sample(addresses, min(len(addresses), 3))
        endpoints = [
            {"addresses": [address], "conditions": {"ready": place < 2}}
            for place, address in enumerate(chosen)
        ]
        port = {"name": "web", "port": 80, "protocol": "TCP", "targetPort": 8080}
        spec: Object = {"clusterIP": SERVICE, "clusterIPs": [SERVICE], "ports": [port]}
        spec["selector"] = {"app": "web"}
        self.add("v1", "Service", "s", "a", labels={"team": "red"}, spec=spec)
        self.add(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "s-1",
            "a",
            labels={"kubernetes.io/service-name": "s"},
            addressType="IPv4",
            ports=[{"name": "web", "port": 8080, "protocol": "TCP"}],
            endpoints=endpoints,
        )

    def other_service(self) -> None:
        """Draw a service without a selector: names and DNS, from anywhere, or nobody."""
        addresses = [*OUTSIDE_BACKENDS, *(pod["status"]["podIP"] for pod in self.pods)]
        chosen = self.random.sample(addresses, self.random.randint(0, 3))
        ports = [
            {"name": "web", "port": 80, "protocol": "TCP"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ]
        spec: Object = {"clusterIP": OTHER_SERVICE, "clusterIPs": [OTHER_SERVICE]}
        self.add("v1", "Service", "t", "b", spec={**spec, "ports": ports})
        self.add(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "t-1",
            "b",
            labels={"kubernetes.io/service-name": "t"},
            addressType="IPv4",
            ports=self.random.choice([ports, ports[:1], ports[1:]]),
            endpoints=[
                {"addresses": [a], "conditions": {"ready": True}}
                for a in sorted(set(chosen))
            ],
        )
