"""E1040-E1099: what the policy kinds refuse."""

from __future__ import annotations

from lockgate.codes.examples import (
    cilium_example,
    cluster_example,
    kubernetes_example,
)
from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E1040",
        "not-a-prefix",
        "not a CIDR prefix",
        "A prefix is an IP address, a slash and a length, such as 10.0.0.0/8 or fd00::/8.  "
        "A bare address is not one: Cilium 1.20 refuses it, and earlier versions took it "
        "in some fields and refused it in others.",
        "Write the length; /32 (IPv4) or /128 (IPv6) is one address.",
        cilium_example("egress:\n- toCIDR: [192.0.2.1]"),
    ),
    Explanation(
        "E1041",
        "exception-outside",
        "an exception is not inside its prefix",
        "'except' takes addresses away from the one prefix beside it, so it must be inside "
        "that prefix, and of the same family.  It denies nothing: another rule can allow "
        "the addresses again.",
        "Correct the prefix; or write a deny rule if those addresses must never pass.",
        cilium_example(
            "egress:\n- toCIDRSet:\n  - {cidr: 10.0.0.0/8, except: [192.168.0.0/16]}"
        ),
    ),
    Explanation(
        "E1042",
        "bad-port",
        "neither a port number nor the name of a port",
        "A port is a number from 1 to 65535 or a name as RFC 6335 has it: at most 15 "
        "letters, digits and single '-', at least one letter.  In Cilium's kinds it stands "
        'in quotes, and "0" means every port; in NetworkPolicy a number stands without.',
        "Correct the port.",
        cilium_example(
            'egress:\n- toPorts:\n  - ports: [{port: "70000", protocol: TCP}]'
        ),
    ),
    Explanation(
        "E1043",
        "bad-port-range",
        "a port range that is none",
        "A range begins with a port number and ends with a higher one.  A named port "
        "cannot begin a range, and a range needs its first port.",
        "Write the lower number first, and names without endPort.",
        kubernetes_example(
            "podSelector: {}\ningress:\n- ports: [{port: 90, endPort: 80}]"
        ),
    ),
    Explanation(
        "E1044",
        "two-peer-kinds",
        "two kinds of peers in one rule",
        "A rule of Cilium's kinds names its peers in one way: by endpoints, entities, "
        "prefixes, nodes, services or names.  Two ways in one list item would have to be "
        "joined by AND or by OR, and Cilium refuses to guess.",
        "Write one list item for each kind; the items are added up.",
        cilium_example("ingress:\n- fromEndpoints: [{}]\n  fromEntities: [world]"),
    ),
    Explanation(
        "E1045",
        "icmps-with-ports",
        "'icmps' and 'toPorts' in one rule",
        "ICMP has no ports, so no packet could match both.",
        "Write one list item for each; the items are added up.",
        cilium_example(
            "ingress:\n- icmps: [{fields: [{type: EchoRequest}]}]\n"
            '  toPorts: [{ports: [{port: "80", protocol: TCP}]}]'
        ),
    ),
    Explanation(
        "E1046",
        "unknown-icmp-type",
        "an ICMP type that does not exist",
        "A type is a number from 0 to 255 or a name of its family.  IPv4 is the family "
        "where none is given, and the two families have different types.",
        "Correct the name, or give the family.",
        cilium_example("ingress:\n- icmps: [{fields: [{type: NeighborSolicitation}]}]"),
    ),
    Explanation(
        "E1047",
        "no-subject",
        "a spec must select endpoints or nodes, and not both",
        "A spec says whom it concerns with exactly one of 'endpointSelector' and "
        "'nodeSelector'.",
        "Write 'endpointSelector: {}' for every endpoint; two specs for both.",
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: example}\n"
        "spec:\n  ingress: [{}]\n",
    ),
    Explanation(
        "E1048",
        "node-selector-in-namespaced-policy",
        "a namespaced policy cannot select nodes",
        "Nodes have no namespace, so only a CiliumClusterwideNetworkPolicy selects them.",
        "Change the kind, and take the namespace away.",
        cilium_example("ingress: [{}]", subject="  nodeSelector: {}"),
    ),
    Explanation(
        "E1049",
        "no-rules",
        "a policy without rules",
        "A policy of Cilium's kinds with no rule in any direction does nothing, and Cilium "
        "refuses it.  An empty list is no rule; a list with one empty item is a rule that "
        "allows nothing, and so denies by default.",
        "Write rules; 'ingress: [{}]' to deny all ingress.",
        cilium_example("ingress: []"),
    ),
    Explanation(
        "E1050",
        "not-exactly-one",
        "exactly one of several fields must be set",
        "The fields exclude each other: none of them says nothing, two contradict.",
        "Keep one; write one list item for each if both were meant.",
        kubernetes_example("podSelector: {}\ningress:\n- from: [{}]"),
    ),
    Explanation(
        "E1051",
        "empty-list",
        "a list that must have items is empty",
        "This list has no meaning when it is empty, and its kind's schema refuses it.",
        "Write at least one item, or leave out the field where it is optional.",
        cluster_example("ingress:\n- action: Deny\n  from: []"),
    ),
    Explanation(
        "E1052",
        "protocol-without-ports",
        "a port of a protocol that has none",
        "TCP, UDP and SCTP have ports.  ICMP has types, which are written under 'icmps'; "
        "GRE, ESP, AH, VRRP, IGMP, IPIP and IPV6 have neither.",
        "Leave out the port or write \"0\"; for ICMP write 'icmps'.",
        cilium_example('egress:\n- toPorts: [{ports: [{port: "80", protocol: GRE}]}]'),
    ),
    Explanation(
        "E1053",
        "two-l7-protocols",
        "two L7 protocols on the same ports",
        "One connection is judged by one parser, so 'http', 'dns' and others exclude each "
        "other in one toPorts element.",
        "Write one toPorts element for each, with different ports.",
        cilium_example(
            'egress:\n- toPorts:\n  - ports: [{port: "80", protocol: TCP}]\n'
            '    rules: {http: [{}], dns: [{matchPattern: "*"}]}'
        ),
    ),
    Explanation(
        "E1054",
        "l7-not-possible-here",
        "an L7 field where it is not possible",
        "HTTP rules need TCP and a port of their own; DNS rules are for egress and single "
        "ports; listeners are for egress and stand without rules; host policies know DNS "
        "rules on egress only.  These are Cilium's conditions.",
        "See the message for the condition that is not met.",
        cilium_example(
            'ingress:\n- toPorts:\n  - ports: [{port: "80", protocol: UDP}]\n'
            "    rules: {http: [{path: /}]}"
        ),
    ),
    Explanation(
        "E1055",
        "bad-regular-expression",
        "not a regular expression",
        "'path', 'method' and 'host' are regular expressions in RE2's syntax, which has no "
        "look-around and no back-references.  The whole value must match.",
        "Correct the expression; put '\\' before a character that is meant as it stands.",
        cilium_example(
            'ingress:\n- toPorts:\n  - ports: [{port: "80", protocol: TCP}]\n'
            '    rules: {http: [{path: "/a("}]}'
        ),
    ),
    Explanation(
        "E1056",
        "bad-dns-name",
        "not a DNS name or pattern",
        "A name is labels of letters, digits, '-' and '_', with '.' between.  '*' is for "
        "patterns only.",
        "Correct the name, or use 'matchPattern' for a pattern.",
        cilium_example('egress:\n- toFQDNs: [{matchName: "*.example.com"}]'),
    ),
    Explanation(
        "E1057",
        "requires-removed",
        "'fromRequires' and 'toRequires' are gone",
        "They added requirements to every other rule of the subject.  Cilium deprecated "
        "them in 1.17 and removed them in 1.19.",
        "Add the requirements to each 'fromEndpoints' or 'toEndpoints' selector.",
        cilium_example("ingress:\n- fromRequires: [{matchLabels: {env: prod}}]"),
    ),
    Explanation(
        "E1058",
        "cloud-group",
        "'fromGroups' and 'toGroups' ask a cloud provider",
        "The addresses of such a group are known to the provider only, and change without "
        "the policy: a compilation cannot hold them.",
        "Keep the group's prefixes in a CiliumCIDRGroup, and name that.",
        cilium_example("egress:\n- toGroups: [{aws: {securityGroupsIds: [sg-1]}}]"),
    ),
    Explanation(
        "E1060",
        "names-not-accepted",
        "'domainNames' outside an Accept rule",
        "A name stands for the addresses that DNS answers gave so far, so denying or "
        "passing it would miss the others.",
        "Accept the names, and deny the rest with a rule of lower precedence.",
        cluster_example(
            "egress:\n- action: Deny\n  to: [{domainNames: [example.com]}]"
        ),
    ),
    Explanation(
        "E1061",
        "bad-annotation",
        "an annotation of ours that is unknown or mistaken",
        "Annotations under lockgate.dev/ change what a policy does, so a misspelt one is "
        "never ignored.",
        'Correct it; lockgate.dev/audit is "true" or "false", in quotes.',
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
        '  name: example\n  annotations: {lockgate.dev/audti: "true"}\n'
        "spec: {podSelector: {}}\n",
    ),
    Explanation(
        "E1062",
        "audit-of-nothing",
        "--audit names no policy",
        "The policy that was meant would be enforced, and nobody would notice.",
        "Write the policy's key: Kind/namespace/name, or Kind/name if cluster-wide.",
    ),
    Explanation(
        "E1063",
        "bad-log-value",
        "a log value that is too long or not printable",
        "'log.value' goes into events; Cilium limits it to 32 printable characters.",
        "Shorten it.",
        cilium_example(
            "ingress: [{}]\nlog: {value: a sentence of more than thirty-two characters}"
        ),
    ),
)
