"""E50xx: what can go wrong on a node.  The runtime raises them; the pages are here."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E5001",
        "no-privilege",
        "this needs root or the capabilities CAP_BPF and CAP_NET_ADMIN",
        cause="Loading programs, attaching them and reading their maps is for "
        "processes that hold both capabilities in the first user "
        "namespace; root in a container without them does not.",
        cure="Run the command with sudo, or give the container both "
        "capabilities (CAP_SYS_ADMIN does for CAP_BPF).",
    ),
    Explanation(
        "E5002",
        "no-bpffs",
        "no BPF file system is mounted where the pins go",
        cause="What outlives a command (programs, maps, links) is pinned in a "
        "file system of type bpf. The root given by --root is not in one, "
        "is mounted for reading alone, or its name has a dot, which that file system does not "
        "allow.",
        cure="mount -t bpf bpf /sys/fs/bpf; in a container mount the host's "
        "/sys/fs/bpf.",
    ),
    Explanation(
        "E5003",
        "kernel-too-old",
        "this kernel is older than 6.1",
        cause="The datapath uses timers, loops over maps and program types that "
        "older kernels lack; they also count BPF memory by "
        "RLIMIT_MEMLOCK.",
        cure="Use Linux 6.1 or newer.",
    ),
    Explanation(
        "E5004",
        "no-library",
        "a library of the runtime is missing or too old",
        cause="Objects are loaded by libbpf.so.1 (1.1 or newer), and devices "
        "are found by pyroute2.",
        cure="Install libbpf1 (Debian, Ubuntu) or libbpf (Fedora), and "
        "pyroute2 with pip or as python3-pyroute2.",
    ),
    Explanation(
        "E5005",
        "no-btf",
        "this kernel shows no BTF",
        cause="Maps with timers are described by type information, which the "
        "kernel checks against its own (/sys/kernel/btf/vmlinux).",
        cure="Use a kernel built with CONFIG_DEBUG_INFO_BTF=y (those of "
        "distributions are), with /sys mounted.",
    ),
    Explanation(
        "E5006",
        "kernel-feature-missing",
        "this kernel lacks a feature that the bundle needs",
        cause="The manifest names what its programs need and the first Linux "
        "that has it; the running kernel is older.",
        cure="Use a newer kernel, or leave out the policies that need the feature.",
    ),
    Explanation(
        "E5007",
        "wrong-architecture",
        "the bundle is for another kind of machine",
        cause="Objects and tables are little-endian and for 64-bit kernels.",
        cure="Run the enforcement on x86_64, aarch64 or another little-endian "
        "64-bit machine.",
    ),
    Explanation(
        "E5008",
        "no-cgroup2",
        "no cgroup2 file system is mounted",
        cause="An endpoint is a cgroup, and programs attach to cgroups of the "
        "unified hierarchy only.",
        cure="mount -t cgroup2 none /sys/fs/cgroup; in a container mount the host's.",
    ),
    Explanation(
        "E5010",
        "bad-bundle",
        "the bundle is damaged, or not for this Lockgate",
        cause="A file is missing, its hash is not the manifest's, the manifest "
        "has a version or a schema that this Lockgate does not know, or "
        "the folder is no bundle.",
        cure="Compile again with this Lockgate, or apply with the one that "
        "compiled it; copy bundles whole.",
    ),
    Explanation(
        "E5011",
        "no-bundle",
        "there is no bundle that could be read",
        cause="The folder is not there, is a file, or this user may not read it "
        "or what is in it. That says nothing of a bundle: the exit code is 2, and "
        "1 only for one that was read and refused.",
        cure="Name the folder that `lockgate compile -o` wrote, as a user who may read it.",
    ),
    Explanation(
        "E5013",
        "unknown-node",
        "the bundle does not know this node",
        cause="The snapshot has nodes, and none with this name. Applied here it "
        "would enforce nothing, silently.",
        cure="Give the node's name in the cluster by --node (kubectl get "
        "nodes), or compile with a newer snapshot.",
    ),
    Explanation(
        "E5014",
        "bad-endpoint-list",
        "the list of endpoints cannot be read or names what the bundle lacks",
        cause="--endpoints names where endpoints of the bundle are. An entry "
        "has no name, or not exactly one of interface and cgroup, or the "
        "bundle has no verdict tables for that endpoint.",
        cure='Write [{"namespace": "shop", "name": "web", "interface": '
        '"veth1"}]; compile with the Endpoint document among the inputs.',
    ),
    Explanation(
        "E5020",
        "program-refused",
        "the kernel refused a program",
        cause="The verifier or libbpf did not accept a program. The end of the "
        "log is in the message. The policy in force stayed as it was.",
        cure="Run `lockgate verify` on the bundle: it loads program by program "
        "and shows the whole log. If this kernel is 6.1 or newer, please "
        "report it.",
    ),
    Explanation(
        "E5021",
        "no-memory",
        "the kernel had no room for a map",
        cause="Tables are kernel memory; the kernel or a limit of the control "
        "group refused. Nothing was changed.",
        cure="Give the node or the control group more memory; `report.md` of "
        "the bundle says how much its tables take.",
    ),
    Explanation(
        "E5022",
        "pinned-map-differs",
        "a pinned map is of another shape, or gone",
        cause="Maps that outlive a generation (flows, events) were pinned by a "
        "version of Lockgate with other structures, or somebody removed the pin of "
        "one that is in use.",
        cure="lockgate unload, then apply again: connections are judged anew, "
        "as if they began then.",
    ),
    Explanation(
        "E5023",
        "cannot-attach",
        "attaching to a device or a cgroup failed",
        cause="The device or cgroup went away meanwhile, or another program "
        "already has our priority and handle there. What had been "
        "attached was detached again.",
        cure="See whether the device is still there (ip link) and what else is "
        "attached (bpftool net; tc filter show dev ...), then apply "
        "again.",
    ),
    Explanation(
        "E5024",
        "unclear-device",
        "the device of an endpoint cannot be told",
        cause="The addresses of one endpoint lead to several devices, or "
        "several endpoints are behind one: a packet there cannot be told "
        "to be of one endpoint.",
        cure="Name the device of each endpoint: in an Endpoint document, or by "
        "--endpoints.",
    ),
    Explanation(
        "E5025",
        "no-host-device",
        "no device was found for the host's policy",
        cause="A policy selects this node, and its packets must be judged where "
        "it meets the network: by default the devices that have a default "
        "route.",
        cure="Name them: --devices eth0,eth1.",
    ),
    Explanation(
        "E5026",
        "attachment-numbers-meet",
        "two endpoints have the same attachment number",
        cause="The number of an endpoint that is a cgroup is the low 31 bits of "
        "its cgroup's id, and two are the same (one chance in a billion).",
        cure="Create one of the two cgroups again: it gets another id.",
    ),
    Explanation(
        "E5027",
        "unknown-link-header",
        "a device's packets begin with a header that the programs cannot read",
        cause="The programs read Ethernet frames, and bare IP packets as WireGuard, "
        "tun, ipip, sit and PPP have them.  This device has others (GRE, InfiniBand, "
        "...), and addresses and ports would be read from the wrong place.",
        cure="Name the devices without it: --devices for the host's, --endpoints for "
        "an endpoint's.",
    ),
    Explanation(
        "E5030",
        "busy",
        "another process is changing the same root",
        cause="Changes are made one at a time, and --no-wait was given.",
        cure="Wait until the other one ends, or leave out --no-wait.",
    ),
    Explanation(
        "E5031",
        "waits-for-confirmation",
        "a generation is waiting for its confirmation",
        cause="The policy before it is kept to fall back to; applying another "
        "one would overwrite it.",
        cure="lockgate confirm to keep the new one, lockgate rollback to go "
        "back now, or wait for the deadline.",
    ),
    Explanation(
        "E5032",
        "nothing-to-confirm",
        "nothing is waiting for a confirmation",
        cause="No generation was applied with --confirm-within, or it was "
        "confirmed already, or its deadline has passed and the kernel has "
        "gone back to the policy before.",
        cure="Look at `lockgate status`; apply again if the deadline has passed.",
    ),
    Explanation(
        "E5033",
        "nothing-to-go-back-to",
        "there is no generation to go back to",
        cause="Only the generation in force and the one before it are kept, and "
        "before the first one nothing was judged.",
        cure="Apply another bundle, or lockgate unload to judge nothing.",
    ),
    Explanation(
        "E5034",
        "nothing-loaded",
        "nothing is loaded",
        cause="No bundle was applied below this root, or it was unloaded.",
        cure="Apply a bundle first; if another --root was used, name it.",
    ),
    Explanation(
        "E5035",
        "would-cut-connection",
        "the policy would cut the connection that applies it",
        cause="--guard names a connection to this node, and the bundle's tables "
        "deny it: at its peer if that is an endpoint here, or at the "
        "endpoint or host that it ends at. Nothing was changed.",
        cure="Allow the connection in the policy (`lockgate explain PEER HOST "
        "PORT/PROTO -f BUNDLE` shows what denies it), or leave out "
        "--guard.",
    ),
    Explanation(
        "E5036",
        "unknown-connection",
        "the connection to be guarded is not known",
        cause="--guard takes the other end from SSH_CONNECTION of this process "
        "or of one that started it, and none has it for that port.",
        cure="Name the other end: --guard-peer ADDRESS.",
    ),
    Explanation(
        "E5037",
        "state-unwritable",
        "the state folder cannot be written",
        cause="Names of rules and endpoints, and totals of counters, are kept "
        "below --state; there is no room or no permission. Nothing was "
        "changed.",
        cure="Make room, or choose another folder by --state.",
    ),
    Explanation(
        "E5038",
        "no-sweeper",
        "the sweeper of timed-out flows did not start",
        cause="A kernel timer gives back the room of flows that have ended; "
        "without it the table of established flows would fill up. Nothing "
        "was changed.",
        cure="lockgate unload, then apply again; if it stays so, please report "
        "it with the kernel's version.",
    ),
    Explanation(
        "E5039",
        "events-taken",
        "another process is reading the events",
        cause="The ring of events gives each one to one reader; two would each see a part.",
        cure="End the other `lockgate observe` first, or let it record for both (-o json).",
    ),
    Explanation(
        "E5040",
        "not-a-recording",
        "a line is not one that observe wrote",
        cause="`lockgate observe --from FILE` reads what `lockgate observe -o json` printed.",
        cure="Record with `lockgate observe -o json > FILE`.",
    ),
    Explanation(
        "E5042",
        "pins-removed",
        "somebody removed pins below the root",
        cause="Commands know what is in force by what is pinned below --root.  Something there "
        "was removed by hand, and not by `lockgate unload`: what is attached acts as before, "
        "and yet it cannot be read or changed, or it is not known any more what it is.",
        cure="Apply the bundle again, which attaches everything anew; where that is refused, "
        "lockgate unload, then apply.",
    ),
)
