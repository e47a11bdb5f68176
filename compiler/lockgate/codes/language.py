"""E1800-E1849: the native language, its conversion, and filters of flows."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation


def _example(rules: str, head: str = "policy web in shop for app=web") -> str:
    return f"# lockgate: gate\n{head} {{\n{rules}}}\n"


def _trace(body: str) -> str:
    return f"# lockgate: gate\ntrace example for everything {{\n{body}}}\n"


EXPLANATIONS = (
    Explanation(
        "E1800",
        "language-syntax",
        "the text is no sentence of the language",
        "At this place something else was expected; the help line says what, in words.  "
        "Reading goes on with the next statement, so that every mistake is shown.",
        "Write what the help line names; `lockgate explain gate` shows the language on one "
        "page.",
        _example("  allow in from app=client onn tcp/80\n"),
    ),
    Explanation(
        "E1801",
        "label-source",
        "a label with a source",
        "In Cilium's kinds a label may have a source (k8s:app, reserved:host).  Here a word "
        "before a colon is a namespace (shop:app=web), and a label has no source.",
        "Leave it out, or write what the help line names: @host, cidr, fqdn, nodes.  A "
        'namespace of such a name stands in quotes: "node":app=web.  Where a source is '
        'meant: labels "reserved:host".',
        _example("  allow in from k8s:app=client\n"),
    ),
    Explanation(
        "E1802",
        "bare-address",
        "an address without a word before it",
        "An address stands after a word that says what it means, since an IPv6 address "
        "would look like a namespace before a label.",
        "Write 'cidr 10.0.0.0/8' for addresses outside of the cluster, or 'address "
        "10.0.0.0/8' for whoever has such an address.",
        _example("  allow out to 10.0.0.0/8\n"),
    ),
    Explanation(
        "E1803",
        "unclosed-block",
        "a block without its closing brace",
        "A block ends with '}'.  This one goes on to where the next block begins, or to the "
        "end of the file.",
        "Add the brace.",
        "# lockgate: gate\npolicy web in shop for pods {\n  isolate in\n",
    ),
    Explanation(
        "E1804",
        "unknown-entity",
        "an entity that does not exist",
        "Entities are groups of peers that Cilium has names for, written with '@'.",
        "Write one of those that the help line names.",
        _example("  allow in from @internet\n"),
    ),
    Explanation(
        "E1805",
        "quotes",
        "a text without quotes, or quotes without an end",
        "Names with '*', regular expressions, paths, methods' arguments and comments for the "
        "log stand in double quotes, in one line.  '*' means something only in quotes.",
        'Write "...", with \\" for a quote inside; ~"..." is a regular expression.',
        _example("  allow out to fqdn *.example.com\n"),
    ),
    Explanation(
        "E1806",
        "unknown-traffic",
        "no protocol, port or type",
        "Traffic is written protocol/port: tcp/8080, udp/8000-8010, tcp/http (a named port), "
        "any/53 (TCP, UDP and SCTP), tcp (every port), icmp/8, icmpv6, proto/gre; 'any' is "
        "all traffic.",
        "Write it in one of these forms.",
        _example("  allow in from app=client on 8080\n"),
    ),
    Explanation(
        "E1807",
        "bad-text",
        "a text that its place does not allow",
        "A DNS name, a server name, a header, a regular expression or a comment for the log "
        "is not what it should be.",
        "See the help line.",
        _example('  allow out to fqdn "exa mple.com"\n'),
    ),
    Explanation(
        "E1808",
        "out-of-place",
        "something that is not possible here",
        "The words are right, but not together: a namespace in a cluster-wide policy, "
        "'isolate' or HTTP in an admin policy, 'pass' in a policy without tiers, HTTP in a "
        "deny rule, a policy in a file of tests.",
        "See the help line.",
        _example("  isolate in\n  pass in from app=client\n"),
    ),
    Explanation(
        "E1809",
        "empty-block",
        "a block that does nothing",
        "A policy without rules and without 'isolate' changes nothing, and a test without "
        "expectations proves nothing.",
        "Write a rule, or take the block away; 'isolate in' alone denies all ingress.",
        _example(""),
    ),
    Explanation(
        "E1810",
        "hidden-character",
        "a character that lets a text look otherwise than it is read",
        "A carriage return without a line feed, U+2028 and the like end a line in some editors "
        "and not here, so that a rule may seem to stand below a comment and be part of it.  "
        "Characters that turn the direction of writing show words in another order.  A reviewer "
        "would see another policy than the one in force.",
        "Take the character out; save the file with line feeds at the ends of lines.",
        _example("  isolate in\n  # nobody else\r  deny in from app=client\n"),
    ),
    Explanation(
        "E1817",
        "not-a-name",
        "a name, key or value that Kubernetes does not allow",
        "Names of objects and namespaces, keys and values of labels have the form that "
        "Kubernetes gives them; another matches nothing.",
        "Correct it; the help line says what is allowed.",
        _example("  allow in from Shop:app=client\n"),
    ),
    Explanation(
        "E1820",
        "unenforced-block",
        "a block that is read and checked, and not enforced yet",
        "Nothing carries out services of the native language yet.  Rather than let you "
        "believe that they are in force, the compiler refuses them.  With "
        "--allow-unenforced this is a warning, and the block has no effect.",
        "Take the block away, or compile with --allow-unenforced.",
        "# lockgate: gate\n"
        "service db in shop { listen 10.96.0.1/32 on tcp/80 backends app=db on tcp/5432 }\n",
    ),
    Explanation(
        "W1820",
        "unenforced-block",
        "a block that is read and checked, and not enforced yet",
        "With --allow-unenforced such a block is passed over: it has no effect.",
        "Take the block away.",
    ),
    Explanation(
        "E1821",
        "predicate-not-for-a-kernel",
        "a predicate that no filter of a hook can say",
        "A trace's `where` becomes selectors: `or` makes alternatives, `and` filters, and "
        "`not` the operator that says the opposite.  Some have none (contains, mask, "
        "protocol, family, state), a selector asks one thing of a binary, values are "
        "numbers and texts with * at their ends, and never regular expressions.",
        "Write what is meant with another operator, or put an earlier `where ... => silent` "
        "before it: the first `where` of a probe that holds acts.",
        _trace('  on lsm file_open(f: file) where path(f) == ~"/etc/.*" => event\n'),
    ),
    Explanation(
        "E1822",
        "too-many-alternatives",
        "a predicate that comes to too many selectors",
        "A conjunction of `or`s is multiplied out, and each alternative is a selector of "
        "its own; more than 64 are refused.",
        "Gather values in one set (`x in {1, 2, 3}`), or write several probes.",
        _trace(
            "  on lsm file_open(f: file)\n    where "
            + " and ".join(
                f'(path(f) == "/a{i}" or process.pid == {i + 2})' for i in range(7)
            )
            + " => event\n"
        ),
    ),
    Explanation(
        "E1823",
        "trace-words",
        "a word of a trace that is not known, or not there",
        "Probes are on kprobe, syscall, fentry, lsm (a function), tracepoint and "
        "raw_tracepoint (subsystem/event), uprobe (binary, function), usdt (binary, "
        "provider/name) and loader.  Parameters are arguments in their order, `_` for one "
        "that is not read, `x: int at 5` by number, `x: int = arg0.member.member`, "
        "`x: uint32 = task.cred.uid.val`, `buf: char_buf size 2`; their names label the "
        "values in events.  Conditions compare them: path(f), sport(s), dport(s), saddr(s), "
        "daddr(s), protocol(s), family(s), state(s), type(f) or the value itself by ==, !=, "
        "<, <=, >, >=, in, not in; and contains(x, ...), mask(x, ...), between(x, 1, 9).  Of "
        "the process: process.binary, process.parent.binary, process.lineage.binary (or a "
        "process that it descends from), process.pid, process.ns.net, process.caps.effective, "
        "process.changed_caps.effective, process.changed_ns.  Actions: event [every 5m] [per "
        "process|everyone] [with kernel_stack user_stack hash], silent, deny [EPERM], kill, "
        "signal SIGTERM, track s, untrack s; and message, tags, label.",
        "Correct the word.",
        _trace("  on lsm file_open(f: file) => shout\n"),
    ),
    Explanation(
        "E1824",
        "trace-for-whom",
        "a trace that is for more, or less, than a policy can say",
        "A trace is for everything, for the host's own processes, for pods by one selection "
        "(and containers of theirs by name), or for host and pods.  A node does not know "
        "labels of namespaces.",
        "Write a trace for each.",
        "# lockgate: gate\ntrace a for app=web, app=db {\n"
        "  on lsm file_open(f: file) => event\n}\n",
    ),
    Explanation(
        "E1830",
        "no-words-in-gate",
        "the native language has no words for this",
        "`lockgate convert --to gate` refuses what it would have to leave out: Kafka and "
        "key-value rules, listeners, TLS that is terminated, secrets.",
        "Keep this policy in YAML; -f takes files of both kinds together.",
    ),
    Explanation(
        "E1831",
        "no-words-in-yaml",
        "no kind of Kubernetes or Cilium has words for this",
        "`lockgate convert --to yaml` chooses the kind that fits: Cilium's, NetworkPolicy for "
        "'address', ClusterNetworkPolicy for the admin and baseline tiers.  A policy that needs "
        "the words of two kinds at once has none.",
        "Split the policy, or keep it in the native language; -f takes files of both kinds "
        "together.",
    ),
    Explanation(
        "E1832",
        "not-convertible",
        "this cannot be converted so that it means the same",
        "Whatever is converted is read again and compared; where the meaning would differ, "
        "nothing is written.",
        "Keep this policy as it is; -f takes files of both kinds together.",
    ),
    Explanation(
        "N1834",
        "left-out",
        "something is not part of what was converted",
        "Objects of the snapshot are no policies, tests have no form in YAML, and a policy "
        "without any effect (a rule that matches nobody, and isolates nobody) has nothing to "
        "be said.",
        "Nothing has to be done; tests go on in a file of their own, *.gatetest.",
    ),
    Explanation(
        "N1835",
        "allows-without-isolating",
        "rules allow what nothing denies",
        "The policy allows some traffic in a direction that it does not isolate.  Unless "
        "another policy isolates the same pods there, all other traffic passes, too.",
        "Write 'isolate in' or 'isolate out' if this is to be all that is allowed.",
        _example("  allow in from app=client\n"),
    ),
    Explanation(
        "N1836",
        "mapped-prefix",
        "an IPv4 prefix that is written as one of IPv6",
        "Sockets show an IPv4 peer as ::ffff:192.0.2.1 where a program listens on IPv6, yet "
        "its packets are IPv4.  So the native language takes such a prefix of 96 bits and more "
        "as the IPv4 prefix that it holds; an IPv6 packet that carries one in its header is "
        "dropped, whatever policies say.  In YAML the same prefix is an error (E1040): "
        "Kubernetes refuses it, and to Cilium it matches no packet.",
        "Write the IPv4 prefix.",
        _example("  deny out to cidr ::ffff:169.254.169.254/128\n  isolate out\n"),
    ),
    Explanation(
        "E1840",
        "unknown-flow-field",
        "flows have no such field, or the field no such value",
        "A filter asks for a field of a flow with '=': verdict, direction, policy and some "
        "more; verdicts and directions have few words.  Labels belong to an end: src app=web.",
        "Write what the help line names; `lockgate explain filter` shows filters on one page.",
    ),
    Explanation(
        "E5041",
        "not-a-predicate",
        "this is no predicate of a filter",
        "--predicate takes the JSON that a filter is compiled to, or a file of it; what it "
        "does not know it refuses, since a condition that is passed over shows other flows.",
        "Print it with the same version: lockgate observe --filter EXPRESSION "
        "--print-predicate",
    ),
)
