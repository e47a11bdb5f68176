"""E316x: hooks in programs of user space."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E3160",
        "no-place-in-program",
        "a program has no such function, address or probe",
        "The file is here, but its tables of symbols (or the notes of its probes) do not name "
        "what a uprobe or usdt asks for; stripped files keep exported symbols alone.",
        "Correct the name, or give the place by 'offsets'; readelf -Ws and -n show what there is.",
    ),
    Explanation(
        "E3161",
        "unreadable-operand",
        "an argument of a probe is where no program can read it",
        "The compiler that built the file put the argument into a register of floating point, or "
        "wrote its place in a form that is not known.",
        "Leave the argument out, or build the file so that it stands in a register of numbers "
        "or in memory.",
    ),
    Explanation(
        "E3162",
        "set-on-register",
        "an argument of a probe that is in no memory cannot be set",
        "'Set' writes into the memory of the program.  Where the probe has its argument in a "
        "register, or as a constant, there is nothing to write to.",
        "Build the program so that the argument stands in memory (a volatile variable), or let "
        "the policy send a signal.",
    ),
    Explanation(
        "E3163",
        "cannot-write",
        "a kernel lets no program write to the memory of others",
        "'Set' needs bpf_probe_write_user, which a kernel that is locked down (lockdown=integrity, "
        "or Secure Boot) takes away.",
        "Boot without lockdown, or let the policy send a signal instead.",
    ),
)
