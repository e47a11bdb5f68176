"""lockgate.identity_lock and assign_identities: numbers that stay."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.identity_lock import IdentityLock, read_lock, write_lock
from lockgate.ir.labels import Label
from lockgate.passes.assign_identities import assign_identities
from lockgate.source import Source
from tests.passes.ir_values import endpoint

WEB = endpoint("shop/web", "app=web pod-template-hash=1")
WEB_NEXT = endpoint("shop/web-2", "app=web pod-template-hash=2")
DB = endpoint("shop/db", "app=db")


def _read(text: str) -> tuple[IdentityLock, Diagnostics]:
    diagnostics = Diagnostics()
    return read_lock(Source("identities.lock", text), diagnostics), diagnostics


def test_a_rollout_keeps_the_identity() -> None:
    """Labels that a controller sets anew for each revision are no part of it."""
    census = assign_identities((WEB, WEB_NEXT, DB), {})
    web, web_next, db = census.numbers
    assert web == web_next != db
    assert 256 <= web < 65536


def test_numbers_depend_on_no_other_label_set() -> None:
    """Two branches that each add a workload agree on all numbers when merged."""
    alone = assign_identities((WEB,), {}).numbers
    both = assign_identities((DB, WEB), {}).numbers
    assert both[1:] == alone


def test_a_locked_number_stays_and_is_given_to_nobody_else() -> None:
    """The lock wins over the hash; a taken number is probed past."""
    free = assign_identities((WEB, DB), {})
    labels = {i.number: i.labels for i in free.identities}
    web, db = free.numbers
    swapped = {labels[web]: db}
    assert assign_identities((WEB, DB), swapped).numbers[0] == db
    assert len(set(assign_identities((WEB, DB), swapped).numbers)) == 2


def test_the_file_comes_back_as_it_was_written() -> None:
    """Writing, reading and writing again changes nothing; gone label sets stay."""
    text = write_lock(IdentityLock(), assign_identities((WEB, DB), {}).identities)
    lock, diagnostics = _read(text)
    assert diagnostics.ok
    assert write_lock(lock, assign_identities((WEB,), lock.numbers).identities) == text
    assert lock.numbers[DB.labels] in assign_identities((DB,), lock.numbers).numbers


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", "E2060"),
        pytest.param("[" * 100_000, "E2060", id="deep"),
        ('{"number": 7, "labels": ["k8s:a=b"]}', "E2060"),
        ('{"number": 300, "labels": ["k8s:b", "k8s:a"]}', "E2060"),
        ('{"number": 300, "labels": []}', "E2060"),
        ('{"number": true, "labels": ["k8s:a"]}', "E2060"),
        ('{"number": 400, "labels": ["k8s:z"]}', "E2061"),
        ('{"number": 401, "labels": ["k8s:a=b"]}', "E2061"),
    ],
)
def test_a_broken_line_is_an_error(line: str, code: str) -> None:
    """A lock that cannot be trusted stops the compilation, at the line."""
    good = '{"number": 400, "labels": ["k8s:a=b"]}'
    head = '{"lockgate": "identities", "version": 1}'
    lock, diagnostics = _read(f"{head}\n{good}\n{line}\n")
    assert [(d.code, d.span and d.span.line) for d in diagnostics.found] == [(code, 3)]
    assert lock.numbers == {(Label("k8s", "a", "b"),): 400}


def test_another_file_is_no_lock() -> None:
    """A file without the first line is refused as a whole."""
    lock, diagnostics = _read("kind: Pod\n")
    assert [d.code for d in diagnostics.found] == ["E2060"]
    assert not lock.numbers
