"""E6300-E6399: why a bundle is not proved."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

_REPORT = (
    "If the sources are those that were compiled (same files, named in the same way by -f), "
    "either the compiler or the reference is wrong: please report it with both."
)

EXPLANATIONS = (
    Explanation(
        "E6300",
        "proof-cell-differs",
        "a verdict in the tables is not what the sources say",
        "The reference reads the sources by itself and comes to another outcome, deciding "
        "rule, place of the rule, or way through the tiers than the cell to which the "
        "address, protocol and port lead.",
        "Compile again from these sources, and name them with -f as when the bundle was "
        f"compiled: the places of rules are part of a verdict. {_REPORT}",
    ),
    Explanation(
        "E6301",
        "proof-subject-differs",
        "the bundle and the sources do not have the same pods and nodes",
        "A pod or a node is in one of the two only, or with another node, other addresses, or "
        "other facts (whether host policies select it, whether the API server runs on it).",
        "Compile again from these sources, or prove with the snapshot that was compiled.",
    ),
    Explanation(
        "E6302",
        "proof-cell-unvisited",
        "a place in the tables was not looked at",
        "A cell is reached by no atom, or the tables treat two neighbouring addresses or ports "
        "differently and no atom is there.  Atoms are made of the constants in the sources, so "
        "the tables know a constant that the sources do not have.",
        f"Compile again from these sources. {_REPORT}",
    ),
    Explanation(
        "E6303",
        "proof-no-atoms",
        "there is nothing to compare",
        "Without pods, addresses or traffic nothing would be compared, and nothing is proved "
        "by comparing nothing.",
        "Give the snapshot beside the policies: the output of "
        "'kubectl get ns,pods,nodes,svc,endpointslices -A -o yaml'.",
    ),
    Explanation(
        "E6304",
        "proof-reference-failed",
        "the reference could not read the sources",
        "The reference reads what the compiler accepts, and came to something that it does not "
        "understand.  What it did not judge is not proved.",
        "Compile the sources once more: mistakes in them are explained there. Else report it, "
        "with the object that the message names.",
    ),
    Explanation(
        "E6305",
        "proof-packet-differs",
        "a program did to a packet what the sources do not say",
        "The program passed a packet that must be dropped or the other way round, or counted it "
        "for another rule than the one that decides.  The tables may be right and the program "
        "wrong, or what it remembers of earlier packets.",
        "Compile again; `lockgate verify` shows whether the objects are whole. Do not apply "
        "this bundle.",
    ),
    Explanation(
        "E6306",
        "proof-packets-not-run",
        "no packet was sent",
        "Packets go through the loaded programs (BPF_PROG_TEST_RUN; nothing is attached), which "
        "needs root and a kernel that takes the programs.  Without them only the tables are "
        "compared, and the programs are not proved.",
        "Run it as root; or claim less with --packets none: the certificate then says that the "
        "tables alone were compared.",
    ),
    Explanation(
        "E6307",
        "proof-identity-differs",
        "an address has the identity of somebody else",
        "Events and flows show the identity to which an address leads.  Its labels must be "
        "those of the pod (without the ones that change from pod to pod), of the node, or of "
        "all prefixes that hold the address.",
        f"Compile again from these sources. {_REPORT}",
    ),
)
