"""Endpoint, lockgate.dev/v1: something with addresses on a host without Kubernetes.

apiVersion: lockgate.dev/v1
kind: Endpoint
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  addresses: [10.0.0.7, "fd00::7"]
  interface: veth7            # or cgroup: system.slice/web.service
  node: host-1                # optional: where it runs
  serviceAccount: default     # optional
  ports:
  - {name: http, port: 8080, protocol: TCP}
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.facts import EndpointFacts
from lockgate.frontend.metadata import Metadata, read_metadata
from lockgate.frontend.schema import Fields
from lockgate.frontend.selectors import is_label_key, is_label_value
from lockgate.frontend.snapshot import PROTOCOLS

if TYPE_CHECKING:
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node

_OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec")
_SPEC_FIELDS = ("addresses", "cgroup", "interface", "node", "ports", "serviceAccount")
_PORT_FIELDS = ("name", "port", "protocol")
INTERFACE = re.compile(r"[^\s/]{1,15}")
"""A device name as the kernel allows it (``dev_valid_name``); ``.`` and ``..`` are not."""


def parse(
    node: Node, context: Context, diagnostics: Diagnostics
) -> EndpointFacts | None:
    """Return the endpoint; None where it is mistaken."""
    elsewhere = dict.fromkeys(_SPEC_FIELDS, "'spec'")
    fields = Fields(
        node, context.kind, diagnostics, known=_OBJECT_FIELDS, elsewhere=elsewhere
    )
    metadata = read_metadata(fields, diagnostics, is_namespaced=True)
    spec = fields.fields("spec", "EndpointSpec", known=_SPEC_FIELDS, required=True)
    if spec is None:
        return None
    _check_labels(fields, metadata, diagnostics)
    interface, cgroup = _read_attachment(spec, diagnostics)
    return EndpointFacts(
        metadata.namespace,
        metadata.name,
        tuple(sorted(metadata.labels.items())),
        _read_addresses(spec, diagnostics),
        spec.string("node"),
        spec.string("serviceAccount") or "default",
        _read_ports(spec, diagnostics),
        interface,
        cgroup,
    )


def _check_labels(fields: Fields, metadata: Metadata, diagnostics: Diagnostics) -> None:
    object_metadata = fields.fields("metadata", "ObjectMeta")
    labels = object_metadata and object_metadata.fields("labels", "labels")
    for key, entry in labels.entries() if labels else ():
        if not is_label_key(key):
            message = f"{quote(key)} is not a label key"
            diagnostics.error("E1018", message, entry.key.span)
        if not is_label_value(metadata.labels.get(key, "")):
            message = f"{quote(metadata.labels[key])} is not the value of a label"
            diagnostics.error("E1018", message, entry.value.span)


def _read_addresses(spec: Fields, diagnostics: Diagnostics) -> tuple[bytes, ...]:
    found: dict[bytes, None] = {}
    spec.sequence("addresses", required=True)
    for text, span in spec.strings("addresses"):
        try:
            address = ip_address(text if "%" not in text else "")
        except ValueError:
            cure = "write it without a prefix length" if "/" in text else None
            message = f"{quote(text)} is not an IP address"
            diagnostics.error("E1021", message, span, help=cure)
            continue
        if address.is_multicast or address.is_unspecified or address.is_loopback:
            message = f"{quote(text)} cannot be the address of an endpoint"
            diagnostics.error("E1021", message, span)
            continue
        found[address.packed] = None
    return tuple(found)


def _read_attachment(
    spec: Fields, diagnostics: Diagnostics
) -> tuple[str | None, str | None]:
    interface = spec.string("interface")
    cgroup = spec.string("cgroup")
    if spec.has("interface") and spec.has("cgroup"):
        message = "an Endpoint has an interface or a cgroup, not both"
        related = ((spec.key_span("interface"), "the interface"),)
        span = spec.key_span("cgroup")
        diagnostics.error("E1023", message, span, related=related)
    if interface is not None and (
        not INTERFACE.fullmatch(interface) or interface in (".", "..")
    ):
        message = f"{quote(interface)} cannot be the name of a device"
        diagnostics.error("E1023", message, spec.span("interface"))
    if cgroup is not None and (not cgroup.strip("/") or ".." in cgroup.split("/")):
        message = f"{quote(cgroup)} is not a path below the cgroup2 mount"
        diagnostics.error("E1023", message, spec.span("cgroup"))
    return interface, cgroup and cgroup.strip("/")


def _read_ports(
    spec: Fields, diagnostics: Diagnostics
) -> tuple[tuple[str, int, int], ...]:
    found = []
    for item in spec.items("ports"):
        fields = Fields(item, "EndpointPort", diagnostics, known=_PORT_FIELDS)
        name = fields.string("name", required=True)
        port = fields.integer("port", minimum=1, maximum=65535, required=True)
        protocol = fields.string("protocol", enum=PROTOCOLS) or "TCP"
        if name is not None and port is not None:
            found.append((name, PROTOCOLS[protocol], port))
    return tuple(dict.fromkeys(found))
