"""What both sides of a proof know of the world, each from a list of its own."""

from __future__ import annotations

from lockgate.frontend import icmp
from lockgate.passes import assign_identities
from lockgate.proof import identities
from lockgate.proof.reference.traffic import ICMP_TYPES


def test_the_names_of_icmp_types() -> None:
    """Whatever the compiler takes for a type, the reference knows, and no other."""
    assert ICMP_TYPES == {"IPv4": icmp.IPV4_TYPES, "IPv6": icmp.IPV6_TYPES}


def test_the_labels_that_churn() -> None:
    """Both leave out the labels of one pod or one revision."""
    assert identities.CHURNING == assign_identities.CHURNING
