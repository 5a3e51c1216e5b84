"""Source text with one more member in an enumeration."""

import ast

_ADDED = {"StrEnum": 'ADDED = "an added member"', "IntEnum": "ADDED = 99"}


def widened(text: str, only: str | None = None) -> str:
    """The text with one more member in each enumeration, or in that with the name `only`."""
    lines = text.splitlines()
    for node in reversed([each for each in classes(ast.parse(text)) if only in {None, each.name}]):
        lines.insert(node.end_lineno or node.lineno, f"    {_ADDED[ast.unparse(node.bases[0])]}")
    return "\n".join([*lines, ""])


def classes(tree: ast.Module) -> list[ast.ClassDef]:
    """The enumerations of a module."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and node.bases and ast.unparse(node.bases[0]) in _ADDED]
