"""Actions of traces as objects of the API: ``deny EPERM``, ``event every 1s per process``."""

from __future__ import annotations

import errno
import re
import signal
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.ast import Name
    from lockgate.language.ast_traces import TraceAction
    from lockgate.language.trace_nodes import Plain

ACTIONS = {
    "deny": "deny, deny EPERM, deny 13: return an error instead (Override)",
    "kill": "kill: SIGKILL (Sigkill)",
    "signal": "signal SIGTERM, signal 15 (Signal)",
    "event": "event every 5m per process, with kernel_stack user_stack hash (Post)",
    "silent": "silent: no event (NoPost)",
    "track": "track sk: remember the process of a socket (TrackSock)",
    "untrack": "untrack sk (UntrackSock)",
    "get": 'get "https://example.com": ask for a URL (GetUrl)',
    "lookup": 'lookup "example.com": ask for a DNS name (DnsLookup)',
    "set": "set x 7: write an operand of a usdt (Set)",
    "notify": "notify EPERM, notify 0 9: an error and a signal, by the enforcer "
    "(NotifyEnforcer)",
}
"""Words of actions, and what each says."""

SAYINGS = ("message", "tags", "label")
"""Words that say something of the hook or the selector, and do nothing."""

_SCOPES = {"thread": "thread", "process": "process", "everyone": "global"}
_EXTRAS = {
    "kernel_stack": "kernelStackTrace",
    "user_stack": "userStackTrace",
    "hash": "imaHash",
}


def read_action(
    action: TraceAction, places: Mapping[str, int], diagnostics: Diagnostics
) -> dict[str, Plain] | None:
    """Return an action as the API writes it; None where it is mistaken."""
    word, words = action.word.text, action.arguments
    reader = _Action(action, places, diagnostics)
    found = {
        "deny": reader.deny,
        "kill": reader.kill,
        "signal": reader.signal,
        "event": reader.event,
        "silent": reader.silent,
        "track": reader.track,
        "untrack": reader.track,
        "get": reader.ask,
        "lookup": reader.ask,
        "set": reader.set,
        "notify": reader.notify,
    }.get(word)
    if found is None:
        hint = did_you_mean(word, (*ACTIONS, *SAYINGS))
        cure = hint or f"actions: {', '.join((*ACTIONS, *SAYINGS))}"
        message = f"there is no action {quote(word)}"
        diagnostics.error("E1823", message, action.word.span, help=cure)
        return None
    return found(words)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


class _Action:
    """One action."""

    def __init__(
        self,
        action: TraceAction,
        places: Mapping[str, int],
        diagnostics: Diagnostics,
    ) -> None:
        self._action = action
        self._places = places
        self._diagnostics = diagnostics

    def _refuse(self, at: Name | TraceAction, message: str) -> None:
        cure = ACTIONS[self._action.word.text]
        self._diagnostics.error("E1823", message, at.span, help=cure)

    def _refuse_more(self, words: Sequence[Name]) -> None:
        if words:
            self._refuse(words[0], f"{quote(words[0].text)} means nothing here")

    def deny(self, words: Sequence[Name]) -> dict[str, Plain]:
        self._refuse_more(words[1:])
        return {
            "action": "Override",
            "argError": self._error(words[0]) if words else -errno.EPERM,
        }

    def _error(self, word: Name) -> int:
        if _is_number(word.text):
            return -int(word.text)
        number = {name: n for n, name in errno.errorcode.items()}.get(word.text)
        if number is None:
            self._refuse(word, f"{quote(word.text)} is no error of Linux")
        return -(number or 0)

    def kill(self, words: Sequence[Name]) -> dict[str, Plain]:
        self._refuse_more(words)
        return {"action": "Sigkill"}

    def signal(self, words: Sequence[Name]) -> dict[str, Plain] | None:
        if not words:
            self._refuse(self._action, "which signal?")
            return None
        self._refuse_more(words[1:])
        return {"action": "Signal", "argSig": self._signal(words[0])}

    def _signal(self, word: Name) -> int:
        if _is_number(word.text):
            return int(word.text)
        names = {one.name: int(one) for one in signal.Signals}
        if word.text not in names:
            self._refuse(word, f"{quote(word.text)} is no signal")
        return names.get(word.text, 0)

    def event(self, words: Sequence[Name]) -> dict[str, Plain]:
        found: dict[str, Plain] = {"action": "Post"}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word.text == "every" and rest:
                found["rateLimit"] = rest.pop(0).text
            elif word.text == "per" and rest and rest[0].text in _SCOPES:
                found["rateLimitScope"] = _SCOPES[rest.pop(0).text]
            elif word.text == "with" and rest and rest[0].text in _EXTRAS:
                while rest and rest[0].text in _EXTRAS:
                    found[_EXTRAS[rest.pop(0).text]] = True
            else:
                self._refuse(word, f"{quote(word.text)} means nothing here")
        return found

    def silent(self, words: Sequence[Name]) -> dict[str, Plain]:
        self._refuse_more(words)
        return {"action": "NoPost"}

    def _place(self, words: Sequence[Name]) -> int | None:
        place = self._places.get(words[0].text) if words else None
        if place is None:
            at = words[0] if words else self._action
            self._refuse(at, "here a parameter is wanted that is an argument")
        return place

    def track(self, words: Sequence[Name]) -> dict[str, Plain] | None:
        self._refuse_more(words[1:])
        place = self._place(words)
        if place is None:
            return None
        kinds = {"track": "TrackSock", "untrack": "UntrackSock"}
        return {"action": kinds[self._action.word.text], "argSock": place}

    def ask(self, words: Sequence[Name]) -> dict[str, Plain] | None:
        if len(words) != 1:
            self._refuse(self._action, "this takes one text")
            return None
        if self._action.word.text == "get":
            return {"action": "GetUrl", "argUrl": words[0].text}
        return {"action": "DnsLookup", "argFqdn": words[0].text}

    def set(self, words: Sequence[Name]) -> dict[str, Plain] | None:
        place = self._place(words)
        if place is None:
            return None
        if len(words) != 2 or not _is_number(words[1].text):
            self._refuse(self._action, "set takes a parameter and a number")
            return None
        return {
            "action": "Set",
            "argIndex": place,
            "argValue": int(words[1].text),
        }

    def notify(self, words: Sequence[Name]) -> dict[str, Plain] | None:
        if not 1 <= len(words) <= 2:
            self._refuse(self._action, "notify takes an error, and perhaps a signal")
            return None
        found: dict[str, Plain] = {
            "action": "NotifyEnforcer",
            "argError": self._error(words[0]),
        }
        if len(words) == 2:
            found["argSig"] = self._signal(words[1])
        return found
