"""A set of whole numbers as merged spans: the numbers of sealed entries, which are nearly without gaps."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

#: First and last number, both included.
Span = tuple[int, int]
#: PostgreSQL's largest bigint.
_LAST_NUMBER = 2**63 - 1


class Spans:
    """`merged` has the spans in order, with at least one absent number between two of them."""

    def __init__(self) -> None:
        self.merged: list[Span] = []

    def add(self, span: Span) -> bool:
        """Returns False when a number of the span was in the set before."""
        first, last = span
        at = bisect_left(self.merged, span)
        left, right = self.merged[at - 1] if at else None, self.merged[at] if at < len(self.merged) else None
        is_new = (left is None or left[1] < first) and (right is None or last < right[0])
        begin, end = at, at
        if left and left[1] >= first - 1:
            first, last, begin = left[0], max(left[1], last), at - 1
        while end < len(self.merged) and self.merged[end][0] <= last + 1:
            last, end = max(last, self.merged[end][1]), end + 1
        self.merged[begin:end] = [(first, last)]
        return is_new

    def gaps(self) -> Sequence[Span]:
        """The spans of the numbers that are not in the set."""
        return list(self._gaps())

    def _gaps(self) -> Iterator[Span]:
        after = 1
        for first, last in self.merged:
            if after < first:
                yield after, first - 1
            after = last + 1
        yield after, _LAST_NUMBER
