"""`python -m tests.architecture.figures` prints the style figures of the code: lengths, annotations, tests, mocks."""

import ast
import re
import sys
from collections.abc import Sequence

from tests.architecture.sources import Source, production, written_tests

_MOCK = re.compile(r"\b(Magic|Async)?Mock\(|mocker\.|monkeypatch\.setattr\(|\bpatch\(")


def main() -> None:
    code = [source for source in production() if "migrations" not in source.name]
    functions = [each for source in code for each in source.functions()]
    typed = [each for each in functions if each.returns is not None]
    tests = [each for source in written_tests() for each in source.functions() if each.name.startswith("test_")]
    mocks = sum(len(_MOCK.findall(source.text)) for source in written_tests() if "test_house" not in source.name)
    ratio = _total(written_tests()) / _total(code)
    for line in (
        f"functions: {len(functions)}, lines {_spread([_length(each) for each in functions])}",
        f"files:     {len(code)}, lines {_spread([len(source.text.splitlines()) for source in code])}",
        f"annotated functions: {len(typed) / len(functions):.1%}",
        f"tests: {len(tests)} functions, {mocks / len(tests):.3f} mocks per test, {ratio:.2f} lines a line of code",
    ):
        sys.stdout.write(line + "\n")


def _spread(lengths: Sequence[int]) -> str:
    ordered = sorted(lengths)
    return f"median {ordered[len(ordered) // 2]}, 90th percentile {ordered[int(len(ordered) * 0.9)]}, most {ordered[-1]}"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _total(sources: Sequence[Source]) -> int:
    return sum(len(source.text.splitlines()) for source in sources)


if __name__ == "__main__":
    main()
