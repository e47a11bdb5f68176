"""The cells of a table, visited one by one, and what their decisions should say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.proof.words import Decisions, say_verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from lockgate.proof.packed import ReadBack
    from lockgate.proof.reference.tribunal import Verdict
    from lockgate.proof.words import Said


class Visits:
    """Which cells were visited, and which decisions say what verdicts say."""

    def __init__(self, read: ReadBack) -> None:
        self.read = read
        self.seen = bytearray(len(read.cells))
        self._decisions = Decisions(read.tables)
        self._said: dict[int, tuple[Verdict, Said]] = {}
        self._distinct: dict[Said, Said] = {}
        self._agreements: dict[frozenset[Said], Agreement] = {}

    def agreement(self, verdicts: Collection[Verdict]) -> Agreement:
        """Return which decisions say what one of the verdicts says."""
        said = frozenset(map(self._words, verdicts))
        agreement = self._agreements.get(said)
        if agreement is None:
            agreement = self._agreements[said] = Agreement(said, self._decisions)
        return agreement

    def _words(self, verdict: Verdict) -> Said:
        """Put a verdict into words; the same words are the same value."""
        said = self._said.get(id(verdict))
        if said is None:
            words = say_verdict(verdict)
            said = verdict, self._distinct.setdefault(words, words)
            self._said[id(verdict)] = said  # the verdict is kept, and so is its number
        return said[1]

    def say(self, decision: int) -> str:
        """Return what a decision says, for a message."""
        return str(self._decisions.say(decision))


class Cells:
    """The cells of one table, by groups."""

    def __init__(
        self,
        visits: Visits,
        table: int,
        rows: Sequence[int],
        columns: Sequence[int],
    ) -> None:
        self._visits = visits
        self._place = visits.read.places[table]
        self.rows, self._columns = rows, columns

    def wrong(
        self,
        peers: Sequence[int],
        traffic: Sequence[int],
        verdicts: Collection[Verdict],
    ) -> Iterator[tuple[int, int, str]]:
        """Yield (group of peers, group of traffic, what is there) of cells that differ."""
        rows = {self.rows[peer]: peer for peer in reversed(peers)}
        columns = {self._columns[some]: some for some in reversed(traffic)}
        place, visits = self._place, self._visits
        agrees, cells = visits.agreement(verdicts), visits.read.cells
        for row, peer in rows.items():
            start = place.first + row * place.columns
            for column, some in columns.items():
                if row >= place.rows or column >= place.columns:
                    yield peer, some, "a cell outside of its table"
                    continue
                visits.seen[start + column] = 1
                decision = cells[start + column]
                if not agrees[decision]:
                    yield peer, some, visits.say(decision)


class Agreement(dict[int, bool]):
    """Decision → whether it says one of some things; asked once for each."""

    def __init__(self, said: frozenset[Said], decisions: Decisions) -> None:
        super().__init__()
        self._said, self._decisions = said, decisions

    def __missing__(self, decision: int) -> bool:
        agrees = self[decision] = self._decisions.say(decision) in self._said
        return agrees
