"""The policies of a large cluster, as people write them: NetworkPolicy, Cilium's, admins'."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.bench.generate_snapshot import application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.generate_snapshot import Size

_CLIENTS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
  namespace: {namespace}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {app}
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {peer}
    - namespaceSelector:
        matchLabels:
          team: {team}
      podSelector:
        matchLabels:
          tier: frontend
    ports:
    - protocol: TCP
      port: http
    - protocol: TCP
      port: {port}
"""

_WORLD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
  namespace: {namespace}
spec:
  podSelector:
    matchLabels:
      tier: backend
      version: {version}
  policyTypes:
  - Egress
  egress:
  - to:
    - ipBlock:
        cidr: {network}.0.0/16
        except:
        - {network}.{byte}.0/24
    ports:
    - protocol: TCP
      port: 443
  - to:
    - namespaceSelector: {{}}
    ports:
    - protocol: UDP
      port: 53
"""

_CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: {name}
  namespace: {namespace}
spec:
  endpointSelector:
    matchLabels:
      app.kubernetes.io/name: {app}
  ingress:
  - fromEndpoints:
    - matchLabels:
        app.kubernetes.io/name: {peer}
        k8s:io.kubernetes.pod.namespace: {other}
    toPorts:
    - ports:
      - port: "{port}"
        protocol: TCP
      - port: "9000"
        endPort: 9100
        protocol: TCP
  ingressDeny:
  - fromEntities:
    - world
  egress:
  - toEntities:
    - kube-apiserver
  - toCIDR:
    - {network}.0.0/16
"""

_ADMIN = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: {name}
spec:
  tier: Admin
  priority: {priority}
  subject:
    namespaces:
      matchLabels:
        team: {team}
  ingress:
  - name: monitoring
    action: Accept
    from:
    - pods:
        namespaceSelector:
          matchLabels:
            kubernetes.io/metadata.name: {other}
        podSelector:
          matchLabels:
            app.kubernetes.io/name: {peer}
"""

_TEMPLATES = (_CLIENTS, _CILIUM, _CLIENTS, _WORLD, _CILIUM)
_ADMINS_EVERY = 250


def policy_documents(size: Size) -> Iterator[str]:
    """Give the text of every policy."""
    chance = random.Random(size.seed)  # noqa: S311  # no secret
    for number in range(size.policies):
        namespace, labels = application(number % size.identities, size)
        peer = chance.randrange(size.identities)
        other, peer_labels = application(peer, size)
        template = _TEMPLATES[number % len(_TEMPLATES)]
        if number % _ADMINS_EVERY == 0:
            template = _ADMIN
        yield template.format(
            name=f"policy-{number}",
            namespace=namespace,
            app=labels["app.kubernetes.io/name"],
            version=labels["version"],
            peer=peer_labels["app.kubernetes.io/name"],
            other=other,
            team=f"t{chance.randrange(11)}",
            port=8000 + chance.randrange(40),
            network=f"{chance.choice((20, 34, 52, 104))}.{chance.randrange(256)}",
            byte=chance.randrange(256),
            priority=number // _ADMINS_EVERY,
        )
