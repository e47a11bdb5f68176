"""lockgate.frontend.tracing: buffers of which more is shown ('maxData') than filters judge."""

from __future__ import annotations

import pytest

from tests.frontend.test_tracing_policy import codes


@pytest.mark.parametrize(
    ("more", "operator", "wanted"),
    [
        ("maxData: true", "SubString", True),
        ("maxData: true", "NotPostfix", True),
        ("maxData: true", "Prefix", False),
        ("maxData: true", "Equal", False),
        ("maxData: false", "Postfix", False),
    ],
)
def test_filters_judge_less_of_a_buffer_than_is_shown(
    more: str, operator: str, wanted: bool
) -> None:
    """Who looks for something behind the beginning is told; others miss nothing."""
    match = f"{{index: 1, operator: {operator}, values: [secret]}}"
    hook = "kprobes:\n- call: vfs_write\n  syscall: false\n"
    argument = f"{{index: 1, type: char_buf, sizeArgIndex: 3, {more}}}"
    text = f"{hook}  args: [{argument}]\n  selectors: [{{matchArgs: [{match}]}}]\n"
    assert codes(text) == ([f"W1116 {match}"] if wanted else [])


@pytest.mark.parametrize(
    ("argument", "is_told"),
    [
        ("type: char_buf", True),
        ("type: char_buf, sizeArgIndex: 3", False),
        ("type: char_buf, returnCopy: true", False),
        ("type: char_iovec", False),
        ("type: iov_iter", False),
        ("type: auto", True),
        ("type: string", True),
    ],
)
def test_more_is_shown_of_buffers_whose_size_is_known(
    argument: str, is_told: bool
) -> None:
    """Elsewhere 'maxData' would be a word that does nothing."""
    hook = "kprobes:\n- call: vfs_write\n  syscall: false\n"
    text = f"{hook}  args: [{{index: 1, {argument}, maxData: true}}]\n"
    assert codes(text) == (["W1104 maxData"] if is_told else [])
