"""E6200-E6209: tests of policies, as ``lockgate test`` runs them."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E6200",
        "statement-does-not-hold",
        "a flow comes out otherwise than a test says",
        "`expect` is about every flow from a member of its source to a member of its "
        "destination, `never` and `always` as well.  They are judged class by class, over "
        "everything that their sets mean: every pod and node of the snapshot, every kind of "
        "address outside, both families, all ports asked for.  One flow that comes out "
        "otherwise is named, with what decided it.  For `never` a flow passes, too, where it is "
        "denied in audit mode only, or where L7 rules decide.  `by` asks that a rule of that "
        "policy decided at one end at least; for a default deny, that the policy causes it.",
        "Mend the policy at the place that decided; or the test, if it asks for too much "
        "(a narrower set, `cidr` instead of @world, the port).",
    ),
    Explanation(
        "E6201",
        "test-of-nothing",
        "a statement is about nobody",
        "No pod, node or address is in its source or destination, or no packet of the "
        "snapshot's endpoints goes from one to the other, or nobody has the named port.  A "
        "test that cannot fail is worse than none, so this one counts as failed.",
        "Correct the namespace, labels or names, or take the snapshot that they are of.",
    ),
    Explanation(
        "E6202",
        "statement-not-judged",
        "a statement cannot be judged from a snapshot",
        "Which addresses a DNS name has is known only when somebody asks for it.  The exit "
        "code is 2 where nothing worse was found.",
        "Name the addresses with `cidr`; or expect the DNS query itself to be allowed: "
        '`expect allow app=web -> ns kube-system udp/53 dns "api.example.com"`.',
    ),
    Explanation(
        "E6203",
        "rules-not-tested",
        "the tests exercise fewer rules than was asked for",
        "A rule counts as exercised where it decided a flow that a statement is about and "
        "that came out as the statement says.",
        "Test the rules that --coverage lists, or lower --fail-under.  A rule that never "
        "decides (`lockgate lint` says why) cannot be tested: take it away.",
    ),
    Explanation(
        "E6204",
        "no-tests",
        "no test was found",
        "The named files and directories hold no test block, so nothing was judged.  In "
        "directories *.gatetest and *.gate files are looked for.",
        'Write a test: test "web" { never @world -> app=db }.',
    ),
    Explanation(
        "W6205",
        "packets-left-out",
        "not every packet was sent to the loaded program",
        "With --engine kernel each kind of flow is judged by the tables, and packets are sent "
        "for the first and last port of each atom and the edges of every prefix.  Some "
        "cannot be sent (a protocol without ports, an address from which nobody may send), "
        "and for one statement there is a limit.",
        "Nothing to do: the tables judged all of it.  Smaller sets need fewer packets.",
    ),
    Explanation(
        "E6206",
        "no-such-trial",
        "an expectation about an operation cannot be tried",
        "`expect ... when OPERATION` is about one operation of a table, with the operands that "
        "it takes; `by` is the absolute path of a program, `as` the number of a user, `of` "
        "the name of a tracing policy among the files, and `in pod NAMESPACE/NAME container "
        "NAME` one of the pods among them (the host, where it is not said).  Operations: "
        "exec PATH ARGUMENT...; "
        "open, read, write, truncate, create, unlink, mkdir, rmdir, chmod, chown, mount, "
        "load-module PATH; rename, link, symlink PATH PATH; connect, send, bind, listen ADDRESS "
        "tcp/PORT (or udp); setuid, setgid NUMBER; unshare user (or another kind of "
        "namespace).  Files that are not there are made, and addresses given to the machine, "
        "where somebody listens at what `connect` and `send` are about.",
        "Correct the word.  `lockgate explain gatetest` has the form.",
    ),
    Explanation(
        "E6207",
        "trial-does-not-hold",
        "an operation ends otherwise than a test says",
        "A virtual machine booted, a program stood at the path that the test names and did the "
        "operation: first without policies, then with the tracing policies in force.  What "
        "it did, who told of it, and with which action is in the message; a policy in "
        "monitor mode says what it withheld.  Paths are as the kernel sees them: /bin/sh is "
        "another file where it is a link.",
        "Mend the policy at the place that told of it; or the test.",
    ),
    Explanation(
        "E6208",
        "trial-not-judged",
        "an operation shows nothing of the policies",
        "It fails or is ended without any policy, too, or its program cannot be started, or it "
        "does not end: whatever it does under the policies proves nothing.",
        "Ask for an operation that succeeds where no policy is in force: another path, "
        "address or user.",
    ),
    Explanation(
        "W6209",
        "completed-all-the-same",
        "a program was killed, and its operation had been done",
        "A signal ends the program before its next instruction, and does not undo or stop what "
        "the kernel is doing for it: a file that was opened with O_TRUNC is empty, a listener "
        "has accepted.",
        "Deny the operation (Override on a security hook, `deny` in the native language) where "
        "it must not happen.",
    ),
)
