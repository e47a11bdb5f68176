"""lockgate test: output forms, exit codes, coverage, and the loaded program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from lockgate.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

SHOP = Path(__file__).parents[1] / "demo/shop"
HOLDS = "never @world -> shop:app=db"
FAILS = "never monitoring:app=prometheus -> ns shop"
NOBODY = "never app=nope -> ns shop"
UNKNOWN = 'never app=web -> fqdn "a.example"'


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run statements against the shop; return exit code and both outputs."""

    def run(*statements: str, more: str = "") -> tuple[int, str, str]:
        file = tmp_path / "own.gatetest"
        body = "".join(f"  {statement}\n" for statement in statements)
        file.write_text(f'test "own" {{\n{body}}}\n' if statements else "# nothing\n")
        words = ["test", "-f", str(SHOP), "--no-cache", str(file), *more.split()]
        code = main(words)
        return code, *capsys.readouterr()

    return run


def test_the_shop_tests_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """A directory stands for the tests below it, which hold and exercise all rules."""
    code = main(["test", "-f", str(SHOP), "--no-cache", str(SHOP), "--coverage"])
    assert code == 0
    assert capsys.readouterr().out == "10 passed; 8 of 8 rules exercised (100 %)\n"


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        ([HOLDS], 0),
        ([HOLDS, FAILS], 1),
        ([HOLDS, NOBODY], 1),
        ([HOLDS, UNKNOWN], 2),
        ([UNKNOWN, FAILS], 1),
        ([], 2),
        (["never @world"], 2),
    ],
)
def test_exit_codes(
    run: Callable[..., tuple[int, str, str]], statements: list[str], code: int
) -> None:
    """0 all hold, 1 some do not (or are about nobody), 2 could not be judged or read."""
    assert run(*statements)[0] == code


def test_a_failure_is_shown_with_what_decided(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    """The statement, a flow, the rule with its line, and how many more there are."""
    _, out, _ = run(FAILS)
    flow = "monitoring/prometheus → shop/api, TCP 8080"
    assert f"error[E6200]: {flow} is allowed, expected never;" in out
    assert "own.gatetest:2:3" in out
    assert "policies.yaml:74:7" in out
    assert "- name: scrape" in out
    assert re.search(r"\d+ more kinds of flows", out)
    assert out.endswith("0 passed, 1 failed; 0 of 8 rules exercised (0 %)\n")


def test_json(run: Callable[..., tuple[int, str, str]]) -> None:
    """One object: a result for each statement, counts, coverage by rule."""
    code, out, _ = run(HOLDS, FAILS, more="-o json")
    whole = json.loads(out)
    assert (code, whole["version"]) == (1, 1)
    first, second = whole["results"]
    assert (first["status"], first["statement"], first["line"]) == ("passed", HOLDS, 2)
    example = second["examples"][0]
    assert (example["source"], example["port"]) == ("monitoring/prometheus", 8080)
    (rule,) = [r for r in example["because"] if r["direction"] == "ingress"]
    assert rule["places"] == ["policies.yaml:74:7"]
    assert whole["summary"]["failed"] == 1
    assert len(whole["summary"]["coverage"]["rules"]) == 8


def test_junit(run: Callable[..., tuple[int, str, str]]) -> None:
    """A suite for each test block, a case for each statement, failures and errors apart."""
    _, out, _ = run(HOLDS, FAILS, NOBODY, UNKNOWN, more="-o junit")
    root = ElementTree.fromstring(out)  # noqa: S314  # our own output
    assert root.attrib == {"tests": "4", "failures": "2", "errors": "1"}
    cases = root.findall("testsuite/testcase")
    assert [len(case) for case in cases] == [0, 1, 1, 1]
    assert cases[1].attrib["name"] == FAILS
    assert [case[0].tag for case in cases[1:]] == ["failure", "failure", "error"]


def test_github(run: Callable[..., tuple[int, str, str]]) -> None:
    """An annotation for each statement that does not hold."""
    _, out, _ = run(HOLDS, FAILS, more="-o github")
    (line,) = out.splitlines()
    assert line.startswith("::error file=")
    assert "line=2" not in line
    assert "line=3" in line


def test_coverage_has_a_limit(run: Callable[..., tuple[int, str, str]]) -> None:
    """Rules that no test exercises are listed, and too few are a failure."""
    statement = "expect allow shop:app=api -> shop:app=db tcp/5432"
    code, out, _ = run(statement, more="--coverage")
    assert code == 0
    assert (
        "  policies.yaml:16:7  allow  NetworkPolicy/shop/web#spec.ingress[0]\n" in out
    )
    assert "policies.yaml:45:7" not in out
    assert run(statement, more="--fail-under 25")[0] == 0
    code, _, err = run(statement, more="--fail-under 26")
    assert (code, "E6203" in err) == (1, True)


def test_mistakes_in_tests_are_told(run: Callable[..., tuple[int, str, str]]) -> None:
    """A file that cannot be read as tests judges nothing."""
    _, out, err = run("never @wrld -> app=web")
    assert (out, "error[E18" in err) == ("", True)
    assert "own.gatetest:2:" in err


def test_policies_with_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is judged by policies that have errors."""
    policy = tmp_path / "p.yaml"
    policy.write_text("kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n")
    tests = str(SHOP / "shop.gatetest")
    assert main(["test", "-f", str(policy), "--no-cache", tests]) == 2
    assert main(["test", "-f", "-", "-"]) == 2


@pytest.mark.kernel
def test_the_loaded_program_agrees(run: Callable[..., tuple[int, str, str]]) -> None:
    """Packets of every kind that statements are about are judged as the tables say."""
    statements = (
        "never @world -> shop:app in {api, db}",
        "expect allow @world -> shop:app=web tcp/http",
        "never shop:app=web -> shop:app=db",
        "always ns monitoring -> ns shop on icmp/8, icmpv6/128",
        "always @host -> ns shop on tcp",
    )
    code, out, _ = run(*statements, more="--engine kernel")
    assert code == 0, out
    match = re.search(r"5 passed, (\d+) packets agree", out)
    assert match
    assert int(match[1]) > 100


@pytest.mark.kernel
def test_a_program_that_disagrees_is_found(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of the program that is not the tables' fails the statement."""
    from lockgate.cli.kernel_judge import KernelJudge

    judge = KernelJudge.decide
    monkeypatch.setattr(KernelJudge, "decide", lambda s, q: judge(s, q) and 0)
    code, out, _ = run("never @world -> shop:app=db", more="--engine kernel")
    assert code == 1
    assert "the loaded program decides otherwise" in out
