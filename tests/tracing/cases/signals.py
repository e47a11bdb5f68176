"""Signals at every stand, the most severe of several, and those that enforcers send."""

from __future__ import annotations

from dataclasses import replace

from tests.tracing.cases.case import Case

_WORDS = "from tests.tracing.return_deeds import *; "
_ASKED = "call: sys_getpgid\n    syscall: true\n    args: [{index: 0, type: int}]"
_NUMBER = "matchArgs: [{index: 0, operator: Equal, values: ['%d']}]\n      "
_ACT = "matchActions: [{action: %s}]"


def _case(name: str, selector: str, fires: str, silent: str, **more: object) -> Case:
    hook = str(more.pop("hook", _ASKED))
    return Case(name, hook, selector, _WORDS + fires, _WORDS + silent, **more)  # type: ignore[arg-type]  # a row has what it says


def _enforced(name: str, number: int, fires: str, ends: int, rest: str = "") -> Case:
    return _case(
        name,
        _NUMBER % number + _ACT % "NotifyEnforcer, argSig: 9",
        fires,
        "getsid(0); getpgid(0)",
        many=1,
        ends=ends,
        does="post" if "monitor" in name else "notify_enforcer",
        rest=rest + "  enforcers: [{calls: [sys_getsid, sys_umask]}]\n",
    )


ENFORCED = (
    _enforced("enforcer", 91, "getpgid(91); getsid(0)", -9),
    _enforced("enforcer-other-call", 92, "getpgid(92); os.umask(0)", -9),
    _enforced("enforcer-not-called", 93, "getpgid(93); getpgid(0)", 0),
    _enforced("enforcer-other-thread", 94, "by_thread(getpgid, 94); getsid(0)", 0),
    _enforced(
        "enforcer-cleanup",
        95,
        "getpgid(95); getpriority(95, 0); getsid(0)",
        0,
        "  - call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]\n"
        "    selectors:\n    - matchArgs: [{index: 0, operator: Equal, values: ['95']}]\n"
        "      matchActions: [{action: CleanupEnforcerNotification}, {action: NoPost}]\n",
    ),
    _enforced(
        "enforcer-monitored",
        96,
        "getpgid(96); getsid(0)",
        0,
        "  options: [{name: policy-mode, value: monitor}]\n",
    ),
    # Another policy's enforcer stands at the same calls, and was not notified.
    _case(
        "enforcer-of-another",
        _NUMBER % 97 + _ACT % "NotifyEnforcer, argSig: 9",
        "getpgid(97); getsid(0)",
        "getpgid(0)",
        many=1,
        rest="  enforcers: [{calls: [sys_getcpu]}]\n",
    ),
)

_RAW = "subsystem: raw_syscalls\n    event: sys_enter\n    raw: true\n"

SIGNALS = (
    _case(
        "signal-raw-tracepoint",
        "matchArgs: [{index: 1, operator: Equal, values: ['121']}, "
        "{index: 0, operator: Equal, values: ['81']}]\n      " + _ACT % "Sigkill",
        "getpgid(81)",
        "getpgid(82)",
        hook=_RAW
        + "    args: [{index: 1, type: int64}, {index: 0, type: uint64, resolve: di}]",
        list="tracepoints",
        many=1,
        ends=-9,
    ),
    _case(
        "signal-tracepoint",
        "matchArgs: [{index: 5, operator: Equal, values: ['83']}]\n      "
        + _ACT % "Signal, argSig: 15",
        "getpgid(83)",
        "getpgid(84)",
        hook="subsystem: syscalls\n    event: sys_enter_getpgid\n"
        "    args: [{index: 5, type: int64}]",
        list="tracepoints",
        many=1,
        ends=-15,
    ),
    _case(
        "signal-lsm",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/signal-lsm]}]\n      "
        + _ACT % "Signal, argSig: 10",
        "give_up('/lg/one/signal-lsm')",
        "give_up('/lg/one/signal-lsn')",
        hook="hook: file_open\n    args: [{index: 0, type: file}]",
        list="lsmhooks",
        ends=-10,
    ),
    # The file that O_TRUNC would empty is as it was: the hook denies what SIGKILL ends.
    _case(
        "sigkill-lsm-stops",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/kept]}]\n      "
        + _ACT % "Sigkill",
        "fill('/lg/one/kept'); by_child(empty, '/lg/one/kept'); check('/lg/one/kept')",
        "fill('/lg/one/kep'); by_child(empty, '/lg/one/kep')",
        hook="hook: file_truncate\n    args: [{index: 0, type: file}]",
        list="lsmhooks",
        ends=0,
        kernels=("6.12",),
    ),
    _case(
        "signal-fmod-ret",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/signal-fmod]}]\n      "
        + "matchActions: [{action: Signal, argSig: 14}, {action: Override, argError: -1}]",
        "give_up('/lg/one/signal-fmod')",
        "give_up('/lg/one/signal-fmoe')",
        hook="call: security_file_open\n    syscall: false\n    args: [{index: 0, type: file}]",
        many=1,
        ends=-14,
    ),
    # Of what several selectors and policies send, the most severe arrives.
    _case(
        "signal-light",
        _NUMBER % 85 + _ACT % "Signal, argSig: 17",
        "getpgid(85)",
        "getpgid(86)",
        ends=-15,
    ),
    _case(
        "signal-middle",
        _NUMBER % 85 + _ACT % "Signal, argSig: 15",
        "getpgid(85)",
        "getpgid(86)",
        ends=-15,
    ),
    _case(
        "signal-several",
        _NUMBER % 87
        + "matchActions: [{action: Signal, argSig: 15}, {action: Sigkill}]",
        "getpgid(87)",
        "getpgid(86)",
        many=1,
        ends=-9,
    ),
    _case(
        "signal-return",
        _NUMBER % 88 + "matchReturnArgs: [{operator: Equal, values: ['-3']}]\n      "
        "matchReturnActions: [{action: Signal, argSig: 12}]",
        "getpgid(88)",
        "getpgid(86)",
        hook=_ASKED + "\n    return: true\n    returnArg: {index: 0, type: int}",
        many=1,
        ends=-12,
    ),
)

_CALL = "subsystem: raw_syscalls\n    event: sys_enter\n"
_CALLED = "matchArgs: [{index: %d, operator: Equal, values: ['%d']}]"
_OF_32_BITS = 0x80000000
_MANY = "\n    - ".join(_NUMBER % number for number in range(1000, 1080))

CALLS = (
    # The numbers of 32-bit programs are those of another table: 140 is another call there.
    *(
        _case(
            f"call-number-{kind}",
            _CALLED % (4, 140),
            "getpriority(0, 0)",
            "call_of_32_bits(140)",
            hook=_CALL + "    args: [{index: 4, type: " + kind + "}]",
            list="tracepoints",
            many=1,
        )
        for kind in ("syscall64", "uint64", "int64")
    ),
    _case(
        "call-number-raw",
        _CALLED % (1, 140),
        "getpriority(0, 0)",
        "call_of_32_bits(140)",
        hook=_CALL + "    raw: true\n    args: [{index: 1, type: int64}]",
        list="tracepoints",
        many=1,
    ),
    _case(
        "call-number-32",
        _CALLED % (4, _OF_32_BITS | 140),
        "call_of_32_bits(140)",
        "getpriority(0, 0)",
        hook=_CALL + "    args: [{index: 4, type: syscall64}]",
        list="tracepoints",
        many=1,
    ),
    # Which of many selectors matched is in the event, beyond the first 64 too.
    _case("many-selectors", _MANY.strip(), "getpgid(1077)", "getpgid(1080)", many=1),
)

SIGNALS_BY_PROBES = tuple(
    replace(case, name=f"probe-{case.name}")
    for case in (*ENFORCED[:1], *SIGNALS)
    if case.hook.startswith(_ASKED)
)
