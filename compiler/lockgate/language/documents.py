"""Files of the language among the input files: what the front end asks for.

A file is one where its name says so (``*.gate``) or where it begins with the comment
``# lockgate: gate``, which is how standard input says it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.outcome import Found, Outcome
from lockgate.language import ast
from lockgate.language.ast_tests import Test
from lockgate.language.ast_traces import Trace
from lockgate.language.notes import note_open_directions
from lockgate.language.reading import Language, read_file
from lockgate.language.to_ir import KINDS, lower_group, lower_policy
from lockgate.language.trace_to_ir import kind_of, lower_trace
from lockgate.language.unenforced import report_block
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from lockgate.frontend.inputs import InputFile
    from lockgate.language.ast_file import Block
    from lockgate.options import Options

_BYTE_ORDER_MARK = "\ufeff"


def read_input(file: InputFile, options: Options) -> list[tuple[Source, Outcome]]:
    """Return what a file says, as the front end's own files are returned."""
    diagnostics = Diagnostics()
    source = open_source(file, diagnostics)
    found: list[Found] = []
    tests: tuple[Test, ...] = ()
    if diagnostics.ok and file.name.endswith(".gatetest"):
        message = "a file of tests holds no policies"
        cure = f"lockgate test -f POLICIES {file.alias}"
        diagnostics.error("E1808", message, Span(source, 0, 0), help=cure)
    elif diagnostics.ok:
        read = read_file(source, Language.GATE, diagnostics)
        if diagnostics.ok:
            tests = read.tests
            for block in read.blocks:
                found += _find(block, options, diagnostics)
    outcome = Outcome(True, tuple(found), (), tuple(diagnostics.found), tests)
    return [(source, outcome)]


def open_source(file: InputFile, diagnostics: Diagnostics) -> Source:
    """Return the text of a file; one that is not UTF-8 is refused."""
    data = bytes(file.data[:])
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data.decode(errors="replace")
        start = len(data[: error.start].decode(errors="replace"))
        source = Source(file.name, text, alias=file.alias)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        span = Span(source, start, start + 1)
        diagnostics.error("E1002", message, span, help="save the file as UTF-8")
        return source
    return Source(file.name, text.removeprefix(_BYTE_ORDER_MARK), alias=file.alias)


def _find(block: Block, options: Options, diagnostics: Diagnostics) -> list[Found]:
    if isinstance(block, ast.Policy):
        name = block.name
        namespace = block.namespace.text if block.namespace else ""
        kind = KINDS[block.kind]
        policy = lower_policy(block, options)
        note_open_directions(block, policy, diagnostics)
        values: tuple[object, ...] = (policy,)
    elif isinstance(block, ast.CidrGroup):
        name, namespace, kind = block.name, "", "CiliumCIDRGroup"
        values = (lower_group(block),)
    elif isinstance(block, Test):
        return []
    elif isinstance(block, Trace):
        name = block.name
        namespace = block.namespace.text if block.namespace else ""
        kind = kind_of(block)
        traced = lower_trace(block, options, diagnostics)
        if traced is None:
            return []
        values = (traced,)
    else:
        report_block(block, options, diagnostics)
        return []
    span = name.span
    return [Found(kind, namespace, name.text, span.start, span.end, values)]
