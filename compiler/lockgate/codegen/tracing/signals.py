"""Which of several signals is sent to a process: one, the most severe."""

from __future__ import annotations

from signal import Signals

SIGKILL = int(Signals.SIGKILL)

_STOPS = frozenset({Signals.SIGTSTP, Signals.SIGTTIN, Signals.SIGTTOU})
_IGNORED = frozenset(
    {Signals.SIGCHLD, Signals.SIGCONT, Signals.SIGURG, Signals.SIGWINCH}
)


def severity(number: int) -> int:
    """Return how severe a signal is, by what it does if nobody handles it (signal(7)).

    SIGKILL ends a process whatever it says, SIGSTOP stops it so; the rest may be handled.

    >>> [severity(number) for number in (9, 19, 15, 20, 17)]
    [5, 4, 3, 2, 1]
    """
    if number == Signals.SIGKILL:
        return 5
    if number == Signals.SIGSTOP:
        return 4
    if number in _STOPS:
        return 2
    return 1 if number in _IGNORED else 3
