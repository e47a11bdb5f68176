"""Whose processes do it: pods, containers, the host, nodes; those that nobody knows."""

from __future__ import annotations

from dataclasses import replace

from tests.tracing.cases.case import Case

_HOOK = "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]"
_WEB = "  podSelector: {matchLabels: {app: web}}\n"
_LEFT_OUT = "{lockgate.dev/unknown-workloads: left-out}"


def _case(
    number: int,
    name: str,
    rest: str,
    fires: str,
    silent: str,
    more: str = "",
    **others: str,
) -> Case:
    """Return a row: who is in one cgroup makes the call, then who is in another."""
    fires, silent = (
        f"{'; '.join(f'enter({word!r})' for word in words.split())}; "
        f"getpriority({number}, 0)"
        for words in (fires, silent)
    )
    match = f"matchArgs: [{{index: 0, operator: Equal, values: ['{number}']}}]"
    case = Case(name, _HOOK, match + more, fires, silent, rest=rest)
    return replace(case, **others)  # type: ignore[arg-type]  # of texts


WORKLOADS = (
    _case(401, "pod-in", _WEB, "web", "db"),
    _case(402, "pod-of-other-form", _WEB, "ops", "host"),
    _case(
        403,
        "pod-not-in",
        "  podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}\n",
        "db",
        "host",
    ),
    _case(
        404,
        "pod-of-namespace",
        "  podSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': ops}}\n",
        "ops",
        "web",
    ),
    _case(405, "namespaced", "", "web", "ops", namespace="shop"),
    _case(406, "namespaced-pod", _WEB, "web", "db", namespace="shop"),
    _case(
        407,
        "container-name",
        "  containerSelector: {matchLabels: {name: main}}\n",
        "web",
        "web-side",
    ),
    _case(
        408,
        "container-repository",
        "  containerSelector: {matchLabels: {repo: 'docker.io/envoy'}}\n",
        "web-side",
        "web",
    ),
    _case(409, "host", "  hostSelector: {}\n", "host", "web"),
    _case(410, "host-not-stranger", "  hostSelector: {}\n", "host", "stranger"),
    _case(411, "any-pod", "  podSelector: {}\n", "stranger", "host"),
    _case(412, "unknown-pod-is-selected", _WEB, "stranger", "host"),
    _case(413, "unknown-pod-left-out", _WEB, "web", "stranger", annotations=_LEFT_OUT),
    _case(414, "container-restarted", _WEB, "web-restarted", "db"),
    _case(
        415,
        "container-unknown-left-out",
        "  containerSelector: {matchLabels: {name: main}}\n",
        "web",
        "web-restarted",
        annotations=_LEFT_OUT,
    ),
    _case(
        416,
        "container-of-one",
        "  podSelector: {matchLabels: {app: db}}\n"
        "  containerSelector: {matchLabels: {name: main}}\n",
        "db",
        "web",
        annotations=_LEFT_OUT,
    ),
    _case(
        417,
        "static-pod",
        "  podSelector: {matchLabels: {app: api}}\n",
        "static",
        "web",
    ),
    _case(418, "moved", _WEB, "db web", "web db"),
    _case(419, "made-below", _WEB, "web-inner", "db-inner"),
    _case(420, "made-pod", _WEB, "new", "new-unit"),
    _case(421, "made-pod-is-no-host", "  hostSelector: {}\n", "new-unit", "new"),
    _case(
        422,
        "node",
        "  nodeSelector: {matchLabels: {role: worker}}\n" + _WEB,
        "web",
        "db",
    ),
    _case(
        423,
        "by-selector",
        "",
        "db",
        "web",
        "\n      matchWorkloads: {podSelector: {matchLabels: {app: db}}}",
    ),
    _case(
        424,
        "pod-or-host",
        "  podSelector: {matchLabels: {app: db}}\n  hostSelector: {}\n",
        "host",
        "web",
    ),
    _case(
        425,
        "by-policy-and-selector",
        _WEB,
        "web",
        "ops",
        "\n      matchWorkloads: {podSelector: {matchLabels: "
        "{'k8s:io.kubernetes.pod.namespace': shop}}}",
    ),
    replace(
        _case(426, "unclassified-above", _WEB, "web", "db"),
        fires="enter('web'); forget_cgroup(); getpriority(426, 0)",
        silent="enter('db'); forget_cgroup(); getpriority(426, 0)",
    ),
    Case(
        "denied-in-pod",
        "call: security_task_getsid\n    syscall: false",
        "matchActions: [{action: Override, argError: -1}]",
        "enter('web'); getsid()",
        "enter('db'); getsid()",
        ends=1,
        rest=_WEB,
    ),
    Case(
        "denied-in-unknown-pod",
        "call: security_task_getpgid\n    syscall: false",
        "matchActions: [{action: Override, argError: -13}]",
        "enter('new'); getpgid()",
        "enter('host'); getpgid()",
        ends=13,
        rest=_WEB,
    ),
    Case(
        "denied-in-pod-and-returned",
        "call: security_task_getscheduler\n    syscall: false\n    return: true\n"
        "    returnArg: {index: 0, type: int}",
        "matchActions: [{action: Override, argError: -1}]",
        "enter('web'); getscheduler()",
        "enter('db'); getscheduler()",
        ends=1,
        rest=_WEB,
    ),
    Case(
        "binary-without-record",
        _HOOK,
        "matchBinaries: [{operator: Postfix, values: [python3, python3.11, python3.12, "
        "python3.13]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['450']}]",
        "forget(); getpriority(450, 0)",
        "forget(); getpriority(451, 0)",
    ),
    Case(
        "other-binary-without-record",
        _HOOK,
        "matchBinaries: [{operator: NotIn, values: [/lg/bin/reader]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['452']}]",
        "forget(); getpriority(452, 0)",
        "forget(); getpriority(453, 0)",
    ),
    Case(
        "binary-without-record-is-judged",
        _HOOK,
        "matchBinaries: [{operator: Prefix, values: [/lg/bin/deep]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['454']}]",
        "in_long_path(454)",
        "forget(); getpriority(454, 0)",
    ),
    Case(
        "binary-that-nobody-knows-is-denied",
        "call: security_task_getioprio\n    syscall: false",
        "matchBinaries: [{operator: In, values: [/lg/bin/reader]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "in_endless_path()",
        "forget(); getioprio()",
        ends=1,
    ),
    Case(
        "binary-that-nobody-knows-is-not-killed",
        _HOOK,
        "matchBinaries: [{operator: NotIn, values: [/lg/bin/reader]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['457']}]\n"
        "      matchActions: [{action: Sigkill}]",
        "forget(); getpriority(457, 0)",
        "forget(); getpriority(456, 0)",
        ends=-9,
    ),
    Case(
        "children-without-record",
        _HOOK,
        "matchBinaries: [{operator: NotIn, values: [/lg/bin/starter], "
        "followChildren: true}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['455']}]",
        "forget(); getpriority(455, 0)",
        "forget(); getpriority(456, 0)",
    ),
)
"""The last rows are of processes that have no record: their binary is judged on the spot."""

_AT_PROBES = frozenset(
    {
        "pod-in",
        "unknown-pod-is-selected",
        "unclassified-above",
        "binary-without-record",
        "binary-without-record-is-judged",
        "children-without-record",
    }
)
PROBES = tuple(
    replace(case, name=f"probe-{case.name}")
    for case in WORKLOADS
    if case.name in _AT_PROBES
)
"""What asks more of a kernel at a probe than at a trampoline."""
