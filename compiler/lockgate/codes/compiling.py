"""E4001-E4002: the compiler of the generated C."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E4001",
        "clang-refused",
        "clang refused the generated C",
        "The policies were read and lowered, but clang found fault with the program that came "
        "of it.  The C is ours, so with the pinned compiler this is a fault of lockgate; with "
        "a clang named by --clang it can be that compiler's version.",
        "Compile again with the pinned compiler (without --clang).  If it refuses too, report "
        "it with the message: clang's lines name the generated file and line.",
    ),
    Explanation(
        "E4002",
        "no-compiler",
        "the compiler cannot be run",
        "Objects are made by the clang of one version of the Python package ziglang, so that "
        "the same policy gives the same bytes everywhere.  It is not installed in that "
        "version, or the clang that --clang names cannot be run.",
        "Install the version that the message names (pip install ziglang==VERSION), or name "
        "another clang with --clang; the bundle records which compiler made it.",
    ),
)
