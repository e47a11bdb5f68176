"""What an event shows besides its values: stacks, the hash of a file, requests that it made."""

from __future__ import annotations

import base64
import errno
import os
import struct
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.build_ids import BuildIds
from lockgate_runtime.tracing.json_text import dumps
from lockgate_runtime.tracing.requests import NOT_ALLOWED, Request, Requests
from lockgate_runtime.tracing.symbols import Symbols
from lockgate_runtime.tracing.user_symbols import UserSymbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate_runtime.tracing.frames import Hooks
    from lockgate_runtime.tracing.records import Record

_HASHES = {1: ("md5", 16), 2: ("sha1", 20), 4: ("sha256", 32), 5: ("sha384", 48)}
_HASHES |= {6: ("sha512", 64), 7: ("sha224", 28), 17: ("sm3", 32)}
"""Algorithms by enum hash_algo (include/uapi/linux/hash_info.h), with the bytes of a digest."""
_OURS = ("bpf_prog_", "bpf_trampoline_")
_UNKNOWN = "[unknown]"
_REQUESTS = ("GetUrl", "DnsLookup")


class Supplements:
    """What is needed to show them; ``shows_addresses``: stacks say where things are, too."""

    def __init__(
        self,
        hooks_of: Callable[[int], Hooks],
        symbols: Symbols | None = None,
        programs: UserSymbols | None = None,
        requests: Requests | None = None,
        *,
        shows_addresses: bool = False,
    ) -> None:
        self._hooks_of = hooks_of
        self._symbols = symbols or Symbols()
        self._programs = programs or UserSymbols()
        self._requests = requests or Requests()
        self._build_ids = BuildIds()
        self._shows_addresses = shows_addresses
        self._generation = 0

    def show(self, record: Record) -> str:
        """Return the fields of JSON, each after a comma."""
        found: dict[str, Any] = {}
        asked: list[dict[str, Any]] = []
        for value in record.values:
            if value.type == "kernel_stack":
                self._read_programs(record.generation)
                found["kernel_stack_trace"] = list(self._kernel(value.data))
            elif value.type == "user_stack":
                found["user_stack_trace"] = list(self._user(record, value.data))
            elif value.type == "hash":
                found |= show_hash(value.data)
            elif value.type == "request":
                asked += self._ask(record, int.from_bytes(value.data, "little"))
        if asked:
            found["requests"] = asked
        hook = self._hooks_of(record.generation).hooks.get(record.hook, {})
        if hook.get("kind") == "loader":
            found |= self._loaded(record)
        return "," + dumps(found)[1:-1] if found else ""

    def _read_programs(self, generation: int) -> None:
        """Programs of a new generation have names that are not read yet."""
        if self._generation != generation:
            self._generation = generation
            self._symbols.forget()

    def _kernel(self, data: bytes) -> Iterator[dict[str, Any]]:
        is_ours = True
        for (address,) in struct.iter_unpack("<Q", data):
            name, offset, module = self._symbols.find(address)
            module = module.strip("[]")
            # Who looks is no caller: our program, and what leads into it.
            is_ours = is_ours and name.startswith(_OURS)
            if is_ours:
                continue
            yield self._entry(address, offset, name or _UNKNOWN, module)

    def _user(self, record: Record, data: bytes) -> Iterator[dict[str, Any]]:
        for (address,) in struct.iter_unpack("<Q", data):
            found = self._programs.find(record.tgid, record.start, address)
            if found is None:
                yield self._entry(address, 0, "", _UNKNOWN)
            else:
                yield self._entry(address, found.offset, found.name, found.module)

    def _loaded(self, record: Record) -> dict[str, str]:
        """Return the build id of what was mapped, as protocol buffers spell bytes."""
        values = {value.place: value.data for value in record.values}
        path, inode = (
            values.get(0, b"")[8:],
            int.from_bytes(values.get(2, b""), "little"),
        )
        found = self._build_ids.find(record.tgid, os.fsdecode(path), inode)
        return {"buildid": base64.b64encode(found).decode()} if found else {}

    def _entry(
        self, address: int, offset: int, symbol: str, module: str
    ) -> dict[str, Any]:
        """Return a frame; what is empty is left out, as in the JSON of protocol buffers."""
        shown = {
            "address": str(address) if self._shows_addresses else "",
            "offset": str(offset) if offset else "",
            "symbol": symbol,
            "module": module,
        }
        return {name: text for name, text in shown.items() if text}

    def _ask(self, record: Record, number: int) -> Iterator[dict[str, Any]]:
        """Make the requests of a selector, and say what became of each."""
        site, selector = number >> 16, number & 0xFFFF
        for hook in self._hooks_of(record.generation).hooks.values():
            for row in hook["selectors"]:
                if (row.get("site"), row["number"]) != (site, selector):
                    continue
                for action in row["actions"]:
                    if action["kind"] in _REQUESTS:
                        request = Request(action["kind"], action["text"], hook["name"])
                        state = self._requests.ask(request)
                        shown = {**request.shown, "state": state}
                        if state == NOT_ALLOWED:
                            shown["cure"] = f"--allow-requests {request.host}"
                        yield shown


def show_hash(data: bytes) -> dict[str, str]:
    """Return the hash of a file as ALGORITHM:DIGEST, or why there is none."""
    (number,) = struct.unpack_from("<q", data)
    if number < 0:
        return {"ima_hash_error": errno.errorcode.get(-number, str(-number))}
    name, size = _HASHES.get(number, (f"algorithm-{number}", 64))
    return {"ima_hash": f"{name}:{data[8 : 8 + size].hex()}"}
