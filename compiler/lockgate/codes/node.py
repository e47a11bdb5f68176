"""What the verbs on a node tell beside their answers."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "W5001",
        "worth-knowing-here",
        "something on this node is worth knowing",
        cause="apply, confirm, rollback and gc did what they were asked for, and met something "
        "that people should know: an endpoint that is enforced as before, a device that is gone, "
        "a kernel that cannot tell all.  With `-o json` such warnings stand among the "
        "diagnostics.",
        cure="The message says what to do, where something can be done.",
    ),
)
