"""Traces mean what TracingPolicy means: lowered, refused where they cannot, converted and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.placement import Result, Stand
from lockgate.ir.tracing_meaning import meaning_of_policy
from lockgate.language.conversion import Target
from lockgate.lowering.places import place_policy
from lockgate.options import Options
from tests.language.convert import convert_texts
from tests.language.read import diagnose
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, small_types
from tests.lowering.types import write_target

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n"
)
FILE = "lsmhooks: [{hook: file_open, args: [{index: 0, type: file, label: f}], selectors: ["
SHADOW = """
trace t for host {
  on lsm file_open(f: file)
    where path(f) == "/etc/shadow" and not process.binary in {"/usr/sbin/sshd"}
    => deny EPERM, event every 1s
}
"""


def parse(texts: dict[str, str]) -> list[object]:
    """Return what the tracing policies mean, which have no mistake."""
    diagnostics = Diagnostics()
    parsed = parse_documents(documents_from_text(texts), Options(), diagnostics)
    assert diagnostics.ok, diagnostics.found
    return [meaning_of_policy(policy) for policy in parsed.tracing_policies]


def as_yaml(spec: str, name: str = "p.yaml") -> list[object]:
    """Return what a policy with this spec means."""
    return parse({name: f"{HEAD}  {{{spec}}}\n"})


def trace(body: str, subject: str = "everything") -> str:
    """Return a trace."""
    return f"trace t for {subject} {{ {body} }}"


def test_the_sketch() -> None:
    """The trace of the sketch and the YAML that says the same are one policy."""
    wanted = as_yaml(
        f"hostSelector: {{}}, {FILE}"
        "{matchArgs: [{index: 0, operator: Equal, values: [/etc/shadow]}], "
        "matchBinaries: [{operator: NotIn, values: [/usr/sbin/sshd]}], "
        "matchActions: [{action: Override, argError: -1}, {action: Post, rateLimit: 1s}]}]}]"
    )
    assert parse({"p.gate": SHADOW}) == wanted


PAIRS = {
    "de Morgan": (
        'on lsm file_open(f: file) where not (path(f) == "/a" or process.pid == 7) => kill',
        f"{FILE}{{matchArgs: [{{index: 0, operator: NotEqual, values: [/a]}}], matchPIDs: "
        "[{operator: NotIn, values: [7]}], matchActions: [{action: Sigkill}]}]}]",
    ),
    "alternatives": (
        'on lsm file_open(f: file) where path(f) in {"/a", "/b/*"} => event',
        f"{FILE}{{matchArgs: [{{index: 0, operator: Equal, values: [/a]}}]}}, "
        "{matchArgs: [{index: 0, operator: Prefix, values: [/b/]}]}]}]",
    ),
    "none of several": (
        'on lsm file_open(f: file) where path(f) not in {"/a", "/b/*"} => event',
        f"{FILE}{{matchArgs: [{{index: 0, operator: NotEqual, values: [/a]}}, "
        "{index: 0, operator: NotPrefix, values: [/b/]}]}]}]",
    ),
    "sockets, first arm acts": (
        'on kprobe tcp_connect(sk: sock) where daddr(sk) == "10.0.0.0/8" => silent '
        'where dport(sk) in {22, "8000:8010"} and protocol(sk) == "tcp" => signal SIGTERM',
        "kprobes: [{call: tcp_connect, syscall: false, args: [{index: 0, type: sock, label: sk}],"
        " selectors: [{matchArgs: [{index: 0, operator: DAddr, values: [10.0.0.0/8]}], "
        "matchActions: [{action: NoPost}]}, {matchArgs: [{index: 0, operator: DPort, values: "
        "['22', '8000:8010']}, {index: 0, operator: Protocol, values: [IPPROTO_TCP]}], "
        "matchActions: [{action: Signal, argSig: 15}]}]}]",
    ),
    "numbers and the return": (
        "on syscall sys_read(_, _, n: size_t) returns r: long where n >= 5 and r < 0 => event",
        "kprobes: [{call: sys_read, args: [{index: 2, type: size_t, label: n}], return: true, "
        "returnArg: {index: 0, type: long, label: r}, selectors: [{matchArgs: [{index: 2, "
        "operator: GreaterThan, values: ['4']}], matchReturnArgs: [{index: 0, operator: "
        "LessThan, values: ['0']}]}]}]",
    ),
    "a field, a tracepoint, a uprobe": (
        "on fentry f(pid: int = arg0.mm.owner.pid) where pid == 1 => event "
        "on tracepoint syscalls/sys_exit_open(ret: int64 at 5) where ret < 0 => event "
        'on uprobe "/bin/bash" readline() => event, message "bash", tags "shell"',
        "fentries: [{call: f, syscall: false, args: [{index: 0, type: int, label: pid, resolve: "
        "mm.owner.pid}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ['1']}]}]}],"
        " tracepoints: [{subsystem: syscalls, event: sys_exit_open, args: [{index: 5, type: "
        "int64, label: ret}], selectors: [{matchArgs: [{index: 5, operator: LessThan, values: "
        "['0']}]}]}], uprobes: [{path: /bin/bash, symbols: [readline], message: bash, tags: "
        "[shell]}]",
    ),
    "the process": (
        'on kprobe f() where process.parent.lineage.binary == "/a" and '
        'process.ns.net != "host" and process.caps.permitted == "CAP_BPF" => event',
        "kprobes: [{call: f, syscall: false, selectors: [{matchParentBinaries: [{operator: In, "
        "values: [/a], followChildren: true}], matchNamespaces: [{namespace: Net, operator: "
        "NotIn, values: [host_ns]}], matchCapabilities: [{type: Permitted, operator: In, values: "
        "[CAP_BPF]}]}]}]",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_means_the_same(name: str) -> None:
    """A trace means what the YAML beside it means, and comes back from either side."""
    text, spec = PAIRS[name]
    wanted = as_yaml(spec)
    assert parse({"p.gate": trace(text)}) == wanted
    gate, told = convert_texts({"p.yaml": f"{HEAD}  {{{spec}}}\n"}, Target.GATE)
    assert told.ok, told.found
    assert parse({"p.gate": gate}) == wanted
    yaml, told = convert_texts({"p.gate": trace(text)}, Target.YAML)
    assert told.ok, told.found
    assert parse({"p.yaml": yaml}) == wanted


def test_binaries_of_a_conjunction_are_one_filter() -> None:
    """A selector asks one thing of a binary, so what is asked twice is worked out."""
    joined = 'process.binary in {"/a", "/b"} and process.binary != "/b"'
    assert parse({"a.gate": trace(f"on kprobe f() where {joined} => event")}) == parse(
        {"b.gate": trace('on kprobe f() where process.binary == "/a" => event')}
    )


def test_selectors_of_workloads() -> None:
    """Host, pods of a namespace and containers are those of the API."""
    subject = "host, shop:app=web containers name=main"
    spec = (
        "hostSelector: {}, podSelector: {matchLabels: {app: web, "
        "io.kubernetes.pod.namespace: shop}}, "
        "containerSelector: {matchLabels: {name: main}}, loader: true"
    )
    text = trace("on loader => event", subject)
    assert parse({"p.gate": text}) == as_yaml(spec)


WRONG = {
    'path(f) == ~"/etc/.*"': ("E1821", '~"/etc/.*"'),
    'not contains(f, "x")': ("E1821", 'contains(f, "x")'),
    'path(g) == "/a"': ("E1821", "g"),
    'length(f) == "/a"': ("E1821", "length(f)"),
    'path(f) == "/a*b"': ("E1821", '"/a*b"'),
    "process.uid == 0": ("E1821", "process.uid"),
    'process.binary == "/a" and process.binary == "/b"': ("E1821", None),
    'process.binary == "/a*" and process.binary == "/b"': (
        "E1821",
        'process.binary == "/b"',
    ),
    "dport(f) == 80": ("E1101", None),
    'process.binary == "bash"': ("E1102", '"bash"'),
    " and ".join(f'(path(f) == "/{i}" or process.pid == {i})' for i in range(7)): (
        "E1822",
        None,
    ),
}


@pytest.mark.parametrize("condition", WRONG)
def test_what_cannot_be_said_is_refused_in_its_place(condition: str) -> None:
    """Every predicate that no filter says is an error at the part that is to blame."""
    text = trace(f"on lsm file_open(f: file) where {condition} => deny")
    found = diagnose(text).found
    code, blamed = WRONG[condition]
    assert [d.code for d in found] == [code]
    span = found[0].span
    assert span is not None
    if blamed is not None:
        assert text[span.start : span.end] == blamed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (trace("on lsm file_open(f: file) => shout"), "E1823"),
        (trace("on lsm file_open(f: file) => deny EWHAT"), "E1823"),
        (trace("on lsm file_open(f: file) => event sometimes"), "E1823"),
        (trace("on xprobe f() => event"), "E1823"),
        (trace("on tracepoint sched() => event"), "E1823"),
        (trace("on lsm file_open(f) => event"), "E1823"),
        (trace("on lsm file_open(f: file, f: int) => event"), "E1823"),
        (trace("on loader => kill"), "E1824"),
        (trace("on kprobe f() => event", "app=a, app=b"), "E1824"),
        (trace("on kprobe f() => event", "ns.env=prod"), "E1824"),
        ("trace t in shop for db:app=a { on kprobe f() => event }", "E1824"),
        ("trace t in shop for host { on kprobe f() => event }", "E1111"),
        (trace(""), "E1104"),
    ],
)
def test_mistakes(text: str, code: str) -> None:
    """Words that are not known, and subjects that cannot be, are errors."""
    assert code in {d.code for d in diagnose(text).found}


def test_one_name_in_both_languages_stands_twice() -> None:
    """A trace is the object that it stands for: a second of its name is refused."""
    diagnostics = Diagnostics()
    texts = {"a.gate": SHADOW, "b.yaml": f"{HEAD}  {{loader: true}}\n"}
    parse_documents(documents_from_text(texts), Options(), diagnostics)
    assert [d.code for d in diagnostics.found] == ["E1012"]


def test_what_has_no_words_is_refused_with_its_place() -> None:
    """A list of functions has no words in the language, and says so at its line."""
    spec = "  lists: [{name: l, values: [a, b]}]\n  kprobes: [{call: 'list:l'}]\n"
    _, told = convert_texts({"p.yaml": HEAD + spec}, Target.GATE)
    assert {(d.code, d.span.line) for d in told.found if d.span} == {
        ("E1832", 5),
        ("E1832", 6),
    }


def test_what_is_printed_is_in_form() -> None:
    """A converted trace says `!=` for a negation, and is formatted."""
    text, told = convert_texts({"p.gate": SHADOW}, Target.GATE)
    assert told.ok
    assert (
        'where path(f) == "/etc/shadow" and process.binary != "/usr/sbin/sshd"' in text
    )


def test_the_sketch_attaches(tmp_path: Path) -> None:
    """On a kernel with the hook, the trace of the sketch stands at lsm:file_open."""
    target = write_target(tmp_path, small_types(), FUNCTIONS, hooks=EVERY_HOOK)
    # Whom it is for is asked of programs, not of the hook.
    shadow = SHADOW.replace("for host", "for everything")
    documents = documents_from_text({"p.gate": shadow})
    (policy,) = parse_documents(documents, Options(), Diagnostics()).tracing_policies
    (found,) = place_policy(policy, target)
    assert found.stand is Stand.LSM
    assert (found.result, found.asked) == (Result.ATTACHED, "lsm:file_open")
    assert found.hook.span.line == 3
