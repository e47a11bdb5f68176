"""E2200-E2249: the lock file, the bundle and the command line."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E2200",
        "lock-would-change",
        "the lock file of identities would change",
        "The snapshot has label sets that the lock file does not have, and --locked "
        "refuses to give them numbers here: a number that is made in continuous "
        "integration and not committed would be another one the next time.",
        "Compile without --locked, look at the difference of the lock file, commit it.",
    ),
    Explanation(
        "E2202",
        "not-a-bundle",
        "the output directory is there and could not be replaced",
        "A bundle is replaced as a whole, and what was in its directory is gone then.  "
        "This directory is no bundle, or it holds files that no bundle has.",
        "Choose another directory, or move what is in this one elsewhere.",
    ),
    Explanation(
        "E2203",
        "arguments-disagree",
        "the arguments of the command do not go together",
        "Each argument is right by itself, and together they ask for two things or for "
        "nothing: --locked without the lock file that must not change, policy files and a "
        "bundle at once, or neither.",
        "The help line says what to add or to leave out; `lockgate VERB --help` has "
        "examples.",
    ),
    Explanation(
        "E2204",
        "command-line",
        "the command line cannot be read",
        "A verb or an option is misspelt, an argument is missing, or a value is none that the "
        "option takes.  Nothing was done.",
        "`lockgate --help` lists the verbs; `lockgate VERB --help` shows the arguments of one, "
        "with examples.",
    ),
)
