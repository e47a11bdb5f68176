"""Reason about rules as sets of packets, for every label set at once.

A rule is a union of *boxes*: conditions on variables (a label of the subject, a label of
the peer, an address, a port) that must all hold.  Whether some boxes cover another is
decided exactly, by splitting it along their conditions.
"""

from lockgate.lint.algebra.boxes import Box, find_cover, meets
from lockgate.lint.algebra.rule_boxes import BoxMaker, RuleBoxes

__all__ = ["Box", "BoxMaker", "RuleBoxes", "find_cover", "meets"]
