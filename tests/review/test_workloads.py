"""Groups of pods get the names that people know."""

from __future__ import annotations

import pytest

from lockgate.review.workloads import EVERY, Member, Workloads

WEB = ("k8s:app=web",)


def _names(*members: Member) -> list[str]:
    return [workload.key for workload in Workloads.of(members).workloads]


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("web-7d4b9c5f6d-x2k4z", "web"),  # a Deployment
        ("node-exporter-zqv5x", "node-exporter"),  # a DaemonSet
        ("db-11", "db"),  # a StatefulSet
        ("web", "web"),
        ("front-end", "front-end"),
        ("api-blue1", "api-blue1"),  # 'u', 'e' and '1' are never drawn
        ("web-3fa0-00beef00", "web"),  # no pattern that we know, but its label tells
    ],
)
def test_controller(pod: str, workload: str) -> None:
    """What a controller appended is taken away, and nothing else."""
    assert _names(Member("shop", pod, WEB)) == [f"shop/{workload}"]


def test_pods_of_one_controller_are_one_workload() -> None:
    """Replicas are not told apart."""
    web = [Member("shop", f"web-{n}", WEB) for n in range(3)]
    (workload,) = Workloads.of(web).workloads
    assert workload.pods == ("shop/web-0", "shop/web-1", "shop/web-2")


def test_labels_split_a_workload() -> None:
    """Two revisions that policies can tell apart are two, told apart by what differs."""
    old = [Member("shop", f"web-{n}", (*WEB, "k8s:version=v1")) for n in range(2)]
    new = [Member("shop", f"web-{n}", (*WEB, "k8s:version=v2")) for n in range(2, 4)]
    assert _names(*old, *new) == ["shop/web{version=v1}", "shop/web{version=v2}"]


def test_pods_numbered_by_hand_keep_their_names() -> None:
    """``client-1`` and ``client-2`` with other labels are no replicas."""
    one, two = Member("a", "client-1", ("k8s:r=1",)), Member("a", "client-2", WEB)
    assert _names(one, two) == ["a/client-1", "a/client-2"]


def test_labels_that_change_make_no_new_workload() -> None:
    """In each snapshot all replicas are alike: it is the same workload, changed."""
    before = [Member("shop", f"web-{n}", WEB) for n in range(2)]
    after = [Member("shop", f"web-{n}", (*WEB, "k8s:tier=x")) for n in range(3)]
    (workload,) = Workloads.of(before, after).workloads
    assert workload.key == "shop/web"
    assert len(workload.pods) == 3


def test_describe() -> None:
    """Sets of pods get the shortest names."""
    found = Workloads.of(
        [
            Member("shop", "web-0", WEB),
            Member("shop", "web-1", WEB),
            Member("shop", "db-0", ("k8s:app=db",)),
            Member("ops", "cli", ()),
        ]
    )
    shop = ["shop/web-0", "shop/web-1", "shop/db-0"]
    assert found.describe([*shop, "ops/cli"]) == (EVERY,)
    assert found.describe(shop) == ("ns shop",)
    assert found.describe(shop[:2]) == ("shop/web",)
    assert found.describe(shop[1:]) == ("shop/db", "shop/web-1")
    assert found.describe(["ops/cli"]) == ("ops/cli",)
    assert found.describe([]) == ()
    assert found.list_keys(shop[1:]) == ("shop/db", "shop/web-1")
    assert found.list_keys(shop) == ("shop/db", "shop/web")
