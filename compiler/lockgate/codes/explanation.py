"""What ``lockgate explain CODE`` tells of one code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code for good: a code is never given another meaning.

    ``name`` is the stable word for machines (``unknown-field``), ``title`` one line for
    people.  ``example`` is a document that yields the code when it is read (a snapshot may
    stand beside the policy); empty where the cause is not in a document.  ``cure`` says
    what to do.
    """

    code: str
    name: str
    title: str
    cause: str
    cure: str
    example: str = ""
