"""What ``apply`` is told on the command line: refused as usage where the kernel cannot take it."""

from __future__ import annotations

import pytest

from lockgate_runtime.__main__ import main


@pytest.mark.parametrize(
    "words",
    [
        ("--event-rate", "-5"),
        ("--event-rate", "4294967296"),
        ("--event-rate", "many"),
        ("--host-mark", "0"),
        ("--host-mark", "3"),
        ("--host-mark", "0x100000000"),
        ("--host-mark", "-1"),
        ("--host-mark", "bit"),
        ("--confirm-within", "0s"),
        ("--confirm-within", "1e3s"),
        ("--confirm-within", "9999999999h"),
        ("--confirm-within", "9" * 400),
    ],
    ids=" ".join,
)
def test_absurd_numbers(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """They end with exit code 2 and a word about the option, before anything else."""
    option, value = words
    with pytest.raises(SystemExit) as ended:
        main(["apply", "nowhere", f"{option}={value}"])
    assert ended.value.code == 2
    assert f"argument {option}" in capsys.readouterr().err
