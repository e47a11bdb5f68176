"""E1001-E1039: files, YAML and JSON, fields, the snapshot."""

from __future__ import annotations

from lockgate.codes.examples import kubernetes_example
from lockgate.codes.explanation import Explanation

_POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop}
spec: {nodeName: node-1}
status: {phase: Running, podIP: 10.0.0.7}
"""
_ENDPOINT = "apiVersion: lockgate.dev/v1\nkind: Endpoint\nmetadata: {name: web}\n"

EXPLANATIONS = (
    Explanation(
        "E1001",
        "cannot-read",
        "a file cannot be read",
        "The path does not exist, may not be read, or is a directory without any *.yaml, "
        "*.yml, *.json or *.gate file (hidden files and directories do not count).  Devices "
        "and sockets are not read, nor are pipes below a directory; a file or stream has at "
        "most 1 GiB, one of the native language 16 MiB.",
        "Check the path and its permissions; '-' reads standard input, and a pipe that is "
        "named, such as <(kubectl get pods -A -o yaml), is read to its end.",
    ),
    Explanation(
        "E1002",
        "not-utf8",
        "the file is no UTF-8 text",
        "YAML and JSON of Kubernetes are UTF-8, and no text has a byte 0x00.  Windows "
        "PowerShell writes UTF-16 when output is redirected with '>'.",
        "Save the file as UTF-8; a byte order mark at its beginning does no harm.",
    ),
    Explanation(
        "E1003",
        "syntax",
        "the text is no YAML or JSON",
        "The document cannot be parsed: often the indentation, a tab, a missing quote or a "
        "template that was not rendered.  Other documents of the file are still read.",
        "Mend the place shown; the cause may stand some lines before it.",
        "kind: NetworkPolicy\nspec: {podSelector: {}\n",
    ),
    Explanation(
        "E1004",
        "unknown-field",
        "unknown field",
        "The object has a field that its kind does not know.  It is never ignored: a policy "
        "with a misspelt field would mean something else than it says.",
        "Correct the spelling; the help line names the nearest known field.",
        kubernetes_example("podSelector: {}\ningres: []\n"),
    ),
    Explanation(
        "E1005",
        "wrong-type",
        "wrong type",
        "The field wants another type: a list where a mapping stands, a string where a "
        "plain number or 'true' stands.  An empty item of a list ('- ') is null, which "
        "Kubernetes would read as an empty object, that is as everything.",
        "Write the type that the message names; quotes make a string of a number.",
        kubernetes_example("podSelector: {matchLabels: {version: 1.10}}\n"),
    ),
    Explanation(
        "E1006",
        "missing-field",
        "missing field",
        "The object lacks a field that its kind requires.",
        "Add the field.",
        kubernetes_example("podSelector: {matchExpressions: [{operator: Exists}]}\n"),
    ),
    Explanation(
        "E1007",
        "unknown-value",
        "a value that the field cannot have",
        "The field takes one of a few words, and their case matters: 'In', not 'in'.",
        "Write one of the words that the help line names.",
        kubernetes_example(
            "podSelector:\n"
            "  matchExpressions: [{key: app, operator: in, values: [web]}]\n"
        ),
    ),
    Explanation(
        "E1008",
        "duplicate-key",
        "a key stands twice in one mapping",
        "Readers of YAML and JSON keep one of the two values and drop the other without a "
        "word, and not all keep the same one.",
        "Take one of the keys away, or join their values.",
        kubernetes_example("podSelector: {}\ningress: []\ningress: [{}]\n"),
    ),
    Explanation(
        "E1009",
        "misplaced-field",
        "the field belongs elsewhere",
        "The object knows this field, but in another place.",
        "Move it to where the help line says; often only its indentation is wrong.",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: example}\ningress: []\nspec: {podSelector: {}}\n",
    ),
    Explanation(
        "E1010",
        "unknown-kind",
        "unknown kind or version",
        "The object is of an API group that Lockgate reads, but its kind or version is not "
        "known.  Passing it over could leave out a policy.  Objects of other groups "
        "(Deployment, Issuer, ...) are passed over and counted.",
        "Correct apiVersion or kind; write policies of old versions in the present one.",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicies\n"
        "metadata: {name: example}\n",
    ),
    Explanation(
        "E1011",
        "no-kind",
        "an object without apiVersion or kind",
        "Every document is one Kubernetes object and says what it is.  Files of values "
        "(Helm) or of other tools are none.",
        "Add apiVersion and kind, or leave the file out.",
        "metadata: {name: example}\nspec: {podSelector: {}}\n",
    ),
    Explanation(
        "E1012",
        "duplicate-object",
        "two objects of one name",
        "A cluster holds one object of each kind, namespace and name: of two documents the "
        "one applied last would win.",
        "Take one away or rename it; perhaps a file was given twice.",
        _POD.replace("NAME", "web") + "---\n" + _POD.replace("NAME", "web"),
    ),
    Explanation(
        "E1013",
        "out-of-range",
        "a number out of range",
        "The number is too small or too large for its field.",
        "Write a number within the limits that the message gives.",
        kubernetes_example(
            "podSelector: {}\ningress: [{ports: [{port: 8000, endPort: 99999}]}]\n"
        ),
    ),
    Explanation(
        "E1014",
        "ambiguous-scalar",
        "readers of YAML disagree about a value",
        "Without quotes 0o17, 017, 1_000, 0x50 or .inf are numbers for some readers of YAML "
        "and strings for others, and 017 is 15 or 17.",
        "Write a decimal number, or put the string in quotes.",
        kubernetes_example("podSelector: {}\ningress: [{ports: [{port: 0o120}]}]\n"),
    ),
    Explanation(
        "E1015",
        "yaml-tag",
        "a YAML tag that is not understood",
        "Tags such as !!binary, !Ref or !vault ask the reader of YAML for something that "
        "Kubernetes does not know.",
        "Take the tag away, or render the file with the tool that understands it.",
        kubernetes_example("podSelector: !Ref everything\n"),
    ),
    Explanation(
        "E1016",
        "too-deep",
        "nested too deeply, too large, or aliases without end",
        "The document nests deeper than any Kubernetes object, an alias stands inside its "
        "own anchor, or aliases repeat so much that the document would not fit in memory; or "
        "it has more than 128 MiB, or 3,000,000 values (each item of a list that kubectl "
        "prints, and each part between '---', counts as a document).",
        "Write the values out instead of repeating them by aliases; print a large snapshot "
        "as kubectl does.",
        "kind: &loop\n  inside: *loop\n",
    ),
    Explanation(
        "E1017",
        "bad-name",
        "a name that Kubernetes does not allow",
        "Names are lower-case letters, digits and '-' (names of objects also '.'), and begin "
        "and end with a letter or digit; cluster-wide kinds have no namespace.",
        "Rename the object, or take the namespace away.",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: Allow_Web}\nspec: {podSelector: {}}\n",
    ),
    Explanation(
        "E1018",
        "bad-label",
        "a label key or value that Kubernetes does not allow",
        "No object can carry such a label, so the selector would match nothing.  Sources "
        "such as 'k8s:' before a key belong to Cilium's kinds.",
        "Correct the key or value.",
        kubernetes_example('podSelector: {matchLabels: {"app name": web}}\n'),
    ),
    Explanation(
        "E1020",
        "operator-values",
        "an operator with too many or too few values",
        "In and NotIn compare with at least one value; Exists and DoesNotExist ask for the "
        "key alone.",
        "Add values, or choose the other operator.",
        kubernetes_example(
            "podSelector: {matchExpressions: [{key: app, operator: In}]}\n"
        ),
    ),
    Explanation(
        "E1021",
        "bad-address",
        "not an address that something can have",
        "The snapshot or an Endpoint gives an address that is none, or that no endpoint can "
        "have (multicast, loopback, unspecified).",
        "Write an IPv4 or IPv6 address without a prefix length.",
        _ENDPOINT + "spec: {addresses: [10.0.0.0/24]}\n",
    ),
    Explanation(
        "E1022",
        "shared-address",
        "two live endpoints have one address",
        "A packet's source address says who sent it.  If two live pods (or a pod and a node) "
        "share one, neither can be told from the other.  Finished pods do not count, and "
        "one that is being deleted gives way.",
        "Take the snapshot anew with one kubectl command; correct the Endpoint documents.",
        _POD.replace("NAME", "web") + "---\n" + _POD.replace("NAME", "db"),
    ),
    Explanation(
        "E1023",
        "bad-attachment",
        "an Endpoint's place in the kernel is wrong",
        "An Endpoint names one network device of the host or one cgroup (a path below the "
        "cgroup2 mount), or neither.",
        "Give one of 'interface' and 'cgroup'.",
        _ENDPOINT + "spec: {addresses: [10.0.0.7], interface: a/b}\n",
    ),
    Explanation(
        "E1025",
        "blank-input",
        "a file that is named, or standard input, holds nothing",
        "A command that fails leaves an empty file or an empty pipe behind.  Without "
        "policies everything is allowed, so nothing is never taken for a policy.  (A List "
        "without items is an answer, and is taken; so are blank files in a directory.)",
        "See whether the command before the pipe or '>' failed; or do not name the file.",
    ),
    Explanation(
        "W1024",
        "unknown-label-source",
        "no label has this source, or this reserved name",
        "Before the colon of a key stands the source of the label (k8s, reserved, node, "
        "cidr, container, ...).  Nothing gives labels of another source, and those of the "
        "source reserved are host, remote-node, kube-apiserver, world, world-ipv4, "
        "world-ipv6, health, init, ingress and unmanaged.  So the key is absent "
        "everywhere: a selector that asks for it matches nothing, one that asks for its "
        "absence everything.  There is no reserved:all; an old Cilium had one.",
        "Use k8s: for labels of pods, or no source for any; for everyone, the entity all.",
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
        "metadata: {name: example}\nspec:\n"
        '  endpointSelector: {matchLabels: {"pod:app": web}}\n  ingress: [{}]\n',
    ),
    Explanation(
        "N1030",
        "passed-over",
        "objects were passed over",
        "The input holds objects that decide nothing about network policy; Helm and "
        "kustomize print them beside policies.  They are counted by kind.",
        "Nothing needs to be done.",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: example}\n",
    ),
    Explanation(
        "W1031",
        "namespace-unknown",
        "pods of a namespace that is not in the snapshot",
        "Without the Namespace object its labels are unknown, and a namespaceSelector cannot "
        "match them: rules select fewer pods than in the cluster, deny rules too.",
        "Add 'kubectl get namespaces -o yaml' to the input.",
        _POD.replace("NAME", "web"),
    ),
    Explanation(
        "N1032",
        "pods-left-out",
        "pods without traffic were left out",
        "Finished pods (Succeeded, Failed) keep an address that may belong to another pod by "
        "now; pods that are not yet running have none.",
        "Nothing needs to be done; compile again when they run.",
        _POD.replace("NAME", "web").replace("Running", "Succeeded"),
    ),
    Explanation(
        "N1033",
        "backends-derived",
        "backends of services were derived from pods",
        "The input has services but no EndpointSlice, so their backends are taken to be the "
        "ready pods that their selectors match.",
        "Add 'kubectl get endpointslices -A -o yaml' for the backends that the cluster uses.",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
        "spec: {clusterIP: 10.96.0.10, selector: {app: web}, ports: [{port: 80}]}\n",
    ),
)
