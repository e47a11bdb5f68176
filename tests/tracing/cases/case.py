"""Every type, operator and action as one row: a hook, what fires it, what must not.

A workload is Python that runs in a child of its own as root, with the words of
:mod:`tests.tracing.deeds`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    ``hook`` is an entry of ``list`` (kprobes, ...), ``selector`` one of its selectors.
    ``fires`` and ``silent`` are workloads; empty where no machine has what would fire it, so that
    it is only loaded.  ``shows`` is in the values of an event of the first.
    ``ends`` is how the child ends when it fires: an exit status, or minus a signal.
    ``kernels`` are those that can do it; ``many`` is how many events there are, 0 for any
    number but none.  ``rest`` goes on with ``spec``; ``namespace`` makes the policy one of it.
    ``supplements`` are types of values that an event has besides, ``symbols`` functions in its
    stacks, ``digest`` what its hash begins with; ``does`` is the action that all events tell of,
    ``told`` what stands in the JSON of each.
    ``buffers`` are what the events show of buffers, in any order (buffer_deeds.spell).
    ``text`` is a whole policy of that name, in place of hook and selector.
    """

    name: str
    hook: str
    selector: str
    fires: str
    silent: str
    list: str = "kprobes"
    shows: str = ""
    ends: int = 0
    many: int = 0
    kernels: tuple[str, ...] = ("6.1", "6.12")
    rest: str = ""
    does: str = ""
    told: tuple[str, ...] = ()
    supplements: tuple[str, ...] = ()
    namespace: str = ""
    annotations: str = "{}"
    symbols: tuple[str, ...] = ()
    digest: str = ""
    buffers: tuple[str, ...] = ()
    text: str = ""

    @property
    def policy(self) -> str:
        """The policy, as YAML."""
        if self.text:
            return self.text
        selector = f"    selectors:\n    - {self.selector}\n" if self.selector else ""
        return (
            "apiVersion: cilium.io/v1alpha1\n"
            f"kind: TracingPolicy{'Namespaced' if self.namespace else ''}\n"
            f"metadata: {{name: {self.name}, annotations: {self.annotations}"
            f"{', namespace: ' + self.namespace if self.namespace else ''}}}\n"
            f"spec:\n  {self.list}:\n  - {self.hook}\n{selector}{self.rest}"
        )


def file_case(name: str, match: str, fires: str, silent: str, **more: object) -> Case:
    """Return a row about files that are read."""
    hook = "call: security_file_permission\n    syscall: false\n"
    hook += "    args: [{index: 0, type: file}, {index: 1, type: int}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


def number_case(name: str, match: str, fires: str, silent: str, **more: object) -> Case:
    """Return a row about the numbers that a system call is given."""
    hook = "call: sys_getpriority\n    syscall: true\n"
    hook += "    args: [{index: 0, type: int}, {index: 1, type: int}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


def function_case(
    name: str,
    call: str,
    arguments: str,
    match: str,
    fires: str,
    silent: str,
    **more: object,
) -> Case:
    """Return a row about what a function of the kernel is given."""
    hook = f"call: {call}\n    syscall: false\n    args: [{arguments}]"
    selector = f"matchArgs: [{match}]" if match else ""
    return Case(name, hook, selector, fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says
