"""A compilation that remembers is one that does not: byte by byte, whatever was changed."""

from __future__ import annotations

import json
import random
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.beside import Copy
from lockgate.driver import Settings, compile_policies
from lockgate.frontend import documents, parts
from lockgate.frontend.splitting import Form
from lockgate.renderers import render_text
from tests.bench.generate_policies import policy_documents
from tests.bench.generate_snapshot import Size, snapshot_objects

if TYPE_CHECKING:
    from pathlib import Path

SIZE = Size(policies=60, identities=12, pods=40)
STEPS = 12


class Input:
    """Policies and a snapshot that people keep changing."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311  # no secret
        self.policies = list(policy_documents(SIZE))
        self.items = list(snapshot_objects(SIZE))
        self.spare_policies: list[str] = []
        self.spare_items: list[dict[str, Any]] = []
        self.mistaken: tuple[list[str], list[dict[str, Any]]] | None = None
        folder.mkdir()

    def edit(self) -> None:
        """Make some changes, each of policies or of the snapshot; now and then a mistake."""
        if self.mistaken is not None:
            self.policies, self.items = self.mistaken
            self.mistaken = None
        elif self.chance.random() < 0.25:
            self.mistaken = self.policies[:], self.items[:]
            self.policies[3] = self.policies[3].replace("Ingress", "Ingres")
            self.items.append(self.chance.choice(self.items))
        for _ in range(self.chance.choice((1, 1, 2, 5))):
            change = self.chance.choice(
                (self.rename, self.take_out, self.put_back, self.move, self.relabel)
            )
            change()

    def rename(self) -> None:
        """Change a policy: a port, a line, a label."""
        at = self.chance.randrange(len(self.policies))
        text = self.policies[at]
        way = self.chance.randrange(3)
        if way == 0:
            text = re.sub(r"port: \d+", "port: 444", text, count=1)
        elif way == 1:
            text = f"# {self.chance.random()}\n{text}"
        else:
            text = text.replace("tier: ", "part: ", 1)
        self.policies[at] = text

    def take_out(self) -> None:
        """Remove a policy, or an object of the snapshot."""
        at = self.chance.randrange(len(self.policies))
        self.spare_policies.append(self.policies.pop(at))
        at = self.chance.randrange(len(self.items))
        self.spare_items.append(self.items.pop(at))

    def put_back(self) -> None:
        """Bring back what was removed, somewhere."""
        if self.spare_policies:
            at = self.chance.randrange(len(self.policies))
            self.policies.insert(at, self.spare_policies.pop())
        if self.spare_items:
            at = self.chance.randrange(len(self.items))
            self.items.insert(at, self.spare_items.pop())

    def move(self) -> None:
        """Put things into another order."""
        self.chance.shuffle(self.policies)
        start = self.chance.randrange(len(self.items))
        part = self.items[start : start + 20]
        self.chance.shuffle(part)
        self.items[start : start + 20] = part

    def relabel(self) -> None:
        """Give an object other labels, or a pod another phase."""
        at = self.chance.randrange(len(self.items))
        item = json.loads(json.dumps(self.items[at]))
        labels = item["metadata"].setdefault("labels", {})
        labels[self.chance.choice(("tier", "team", "new"))] = "changed"
        if item["kind"] == "Pod" and self.chance.random() < 0.3:
            item["status"]["phase"] = "Succeeded"
        self.items[at] = item

    def write(self) -> None:
        """Write both files, the snapshot as kubectl prints it."""
        text = "".join(f"---\n{policy}" for policy in self.policies)
        (self.folder / "policies.yaml").write_text(text)
        snapshot = {"apiVersion": "v1", "items": self.items, "kind": "List"}
        text = json.dumps(snapshot, indent=4)
        (self.folder / "snapshot.json").write_text(text)


def _compile(folder: Path, cache: Path) -> tuple[dict[str, bytes], str]:
    """Return all that comes of a compilation: the files of the bundle, the messages."""
    compilation = compile_policies([folder], settings=Settings(cache=cache))
    messages = render_text(compilation.diagnostics)
    bundle = compilation.bundle
    return ({} if bundle is None else dict(bundle.files)), messages


@pytest.mark.parametrize(("seed", "is_split"), [(1, False), (2, True)])
def test_what_is_remembered_changes_no_byte(
    seed: int, is_split: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any changes, a bundle made with the cache of all steps is one made without."""
    monkeypatch.setattr(parts, "_GROUP", dict.fromkeys(Form, 3))
    monkeypatch.setattr(documents, "_LARGE", 0 if is_split else 1 << 60)
    monkeypatch.setattr("lockgate.driver._MANY_TABLES", 0 if is_split else 1 << 60)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    edited = Input(tmp_path / "in", seed)
    warm, cold = tmp_path / "warm", tmp_path / "cold"
    built = 0
    for _ in range(STEPS):
        edited.write()
        found = _compile(edited.folder, warm)
        shutil.rmtree(cold, ignore_errors=True)
        if (warm / "objects").exists():
            shutil.copytree(warm / "objects", cold / "objects")
        with monkeypatch.context() as alone:
            alone.setattr(Copy, "_start", lambda _copy: None)
            assert found == _compile(edited.folder, cold)
        built += bool(found[0])
        edited.edit()
    assert STEPS // 2 <= built < STEPS, "some steps must end with a mistake, not most"
