"""E6550-E6599: what keeps ``verify --kernel`` from judging."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E6550",
        "no-virtual-machine",
        "a program that virtual machines need is not here",
        cause="Other kernels run under QEMU, in software, as any user: it needs no root, "
        "no /dev/kvm and nothing of the machine but qemu-system-x86_64, setpriv and a busybox "
        "that is linked statically.",
        cure="apt-get install qemu-system-x86 busybox-static (Fedora: dnf install "
        "qemu-system-x86-core busybox).",
    ),
    Explanation(
        "E6551",
        "no-kernel",
        "there is no kernel of that series to boot",
        cause="Kernels are taken from the folder that --kernels names; without it from the "
        "packages fetched before, else apt downloads one from the machine's own sources into "
        "the cache, without installing it. Debian's sources have one series, and backports "
        "another.",
        cure="Put the distribution's kernel packages (linux-image-*.deb, also "
        "linux-modules-*.deb where there are two) or unpacked ones into a folder and name it "
        "with --kernels DIR. Each kernel is an image (boot/vmlinuz-RELEASE) and its modules "
        "(lib/modules/RELEASE).",
    ),
    Explanation(
        "E6552",
        "unfit-kernel",
        "this kernel cannot be booted as a guest",
        cause="The guest reads the host's files through virtio and 9p, below a layer in "
        "memory: it needs those as modules or built in. The flavours of distributions for "
        "clouds leave 9p out.",
        cure="Take the ordinary flavour of the same version: programs are checked by the "
        "same verifier.",
    ),
    Explanation(
        "E6553",
        "guest-ended",
        "the virtual machine ended before it answered",
        cause="The guest ran out of time or memory, or its kernel panicked. The message has "
        "the end of what it said. Nothing is known of the bundle.",
        cure="Give it more time (--timeout SECONDS): emulation takes ten times as long or "
        "more, and longer still beside other work.",
    ),
    Explanation(
        "E6554",
        "wrong-machine",
        "other kernels are booted on x86-64 only",
        cause="The guest runs the host's own programs, Python among them, so host and guest "
        "are of one kind; the kernels that this looks for are for x86-64.",
        cure="Run it on x86-64: the objects in a bundle are the same for every machine. On "
        "this one `lockgate verify BUNDLE` asks the running kernel.",
    ),
    Explanation(
        "E6555",
        "nothing-to-send",
        "no packet can be made for this bundle",
        cause="Packets are sent to and from the endpoints and nodes of the snapshot, and it "
        "has none with an address: nothing was compared, so nothing is certified.",
        cure="Compile with a snapshot (kubectl get ns,pods,nodes -A -o yaml), or give "
        "--packets 0 to ask the verifier alone.",
    ),
    Explanation(
        "E6556",
        "bundle-changed",
        "the bundle was replaced while a kernel was asked about it",
        cause="The kernel judged a copy, and its manifest is not that of the bundle which was "
        "opened before. An attestation would be of the wrong one, so none is written.",
        cure="Let the compilation end, and run it again.",
    ),
)
