from __future__ import annotations

import argparse
import io
import statistics
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.copies.fingerprints import fingerprints, hashes
from fumehood.copies.matching import Copy, Lines, copies_in
from fumehood.copies.tokens import cut, kinds_of, read

if TYPE_CHECKING:
    from types import ModuleType

ORIGINAL = '''\
"""Moving averages."""

from math import isclose


class Averager:
    """Averages of what it is given."""

    def __init__(self, width, weights=None):
        if width < 1:
            raise ValueError(f"the width is at least 1, not {width}")
        self.width = width
        self.weights = weights or [1.0] * width
        self.values = []

    def push(self, value):
        self.values.append(value)
        if len(self.values) > self.width:
            self.values.pop(0)

    def average(self):
        total = 0.0
        weight_sum = 0.0
        for value, weight in zip(self.values, self.weights):
            if weight and not isclose(weight, 0.0):
                total += value * weight
                weight_sum += weight
        return total / weight_sum if weight_sum else None
'''

OTHER = """\
import json


def shortest(graph, start, goal):
    queue = [(0, start)]
    seen = set()
    while queue:
        cost, node = queue.pop(0)
        if node == goal:
            return cost
        if node in seen:
            continue
        seen.add(node)
        for neighbour, distance in graph[node].items():
            queue.append((cost + distance, neighbour))
        queue.sort()
    return json.dumps({"seen": sorted(seen)})
"""


def lines(first: int, last: int) -> Lines:
    return Lines(first=first, last=last)


def found(text: str, **originals: str) -> tuple[Copy, ...]:
    return copies_in(
        read(text.encode()), {f"core/{name}.py": read(original.encode()) for name, original in originals.items()}
    )


def test_code_of_its_own_is_no_copy() -> None:
    assert found(OTHER, averages=ORIGINAL) == ()


def test_a_copy_is_found_with_its_lines_on_both_sides_and_imports_and_docstrings_do_not_count() -> None:
    assert found(OTHER + "\n\n" + ORIGINAL, averages=ORIGINAL) == (
        Copy(lines=lines(25, 47), original="core/averages.py", original_lines=lines(6, 28), tokens=140, renamed=False),
    )


def test_another_formatting_and_other_comments_leave_it_a_copy() -> None:
    text = ORIGINAL.replace(
        "(self, width, weights=None)", "(\n        self,\n        width,\n        weights=None,\n    )"
    )
    text = text.replace("        total = 0.0", "        # Nothing yet.\n\n        total = 0.0  # a float")
    (copy,) = found(text, averages=ORIGINAL)
    assert (copy.lines, copy.original_lines, copy.tokens) == (lines(6, 34), lines(6, 28), 140)


def test_a_renamed_copy_is_found_and_called_renamed() -> None:
    text = ORIGINAL
    for old, new in (
        ("Averager", "Smoother"), ("width", "span"), ("weights", "factors"), ("values", "items"), ("total", "acc"),
        ("weight_sum", "norm"), ("weight", "factor"), ("value", "item"), ("push", "add"), ("average", "result"),
    ):  # fmt: skip
        text = text.replace(old, new)
    (copy,) = found(text, averages=ORIGINAL)
    assert (copy.lines, copy.original_lines, copy.renamed) == (lines(6, 28), lines(6, 28), True)


def test_a_copy_stays_one_where_lines_were_put_in_and_taken_out() -> None:
    text = ORIGINAL.replace("        self.values = []\n", "        self.values = []\n        self.count = 0\n")
    text = text.replace("                weight_sum += weight\n", "")
    (copy,) = found(text, averages=ORIGINAL)
    assert (copy.lines, copy.original_lines, copy.tokens) == (lines(6, 27), lines(6, 26), 128)


def test_code_of_the_same_shape_with_other_names_is_no_copy() -> None:
    first = "\n".join(f"    color_{index}: int = field(default={index})" for index in range(20))
    second = "\n".join(f"    place_{index * 7}: str = entry(initial={index * 3})" for index in range(20))
    assert found(f"class A:\n{first}\n", other=f"class B:\n{second}\n") == ()


def settings(*values: int) -> str:
    """Two calls with many arguments, as configurations have them."""
    lines = "\n".join(f"    option_{index}=Kind.Config(value={value})," for index, value in enumerate(values))
    return f"first = Settings(\n{lines}\n)\n"


def test_settings_that_share_their_keys_are_no_copy_unless_they_share_all() -> None:
    mine, theirs = settings(*range(12)), settings(*(0, 1, 2, 3, 4, 5), *range(90, 96))
    assert found(mine, other=theirs) == ()
    assert [copy.original for copy in found(mine, same=mine)] == ["core/same.py"]


def kernel(name: str, body: str, *, parameters: int = 24) -> str:
    """A class with one method that takes many parameters."""
    takes = "".join(f"        part_{index}: Tensor[float, int] | None = None,\n" for index in range(parameters))
    return f"class {name}:\n    def forward(\n        self,\n        *,\n{takes}    ) -> Tensor:\n{body}"


def test_the_heads_of_functions_that_have_to_be_the_same_are_no_copy() -> None:
    theirs = kernel("Kernel", "        return sum(fused(part_0, part_1))\n")
    assert found(kernel("Other", "        return part_2\n"), kernel=theirs) == ()
    body = "\n".join(ORIGINAL.splitlines()[18:])
    (copy,) = found(kernel("Other", body, parameters=3), kernel=kernel("Kernel", body, parameters=3))
    assert (copy.lines, copy.original_lines) == (lines(1, 18), lines(1, 18))


def test_a_few_lines_are_no_copy() -> None:
    assert found("\n".join(ORIGINAL.splitlines()[8:14]), averages=ORIGINAL) == ()


def test_of_two_originals_the_one_that_is_more_alike_is_named() -> None:
    near = ORIGINAL.replace("total", "sum_of_all")
    assert [copy.original for copy in found(ORIGINAL, aaa=near, bbb=ORIGINAL)] == ["core/bbb.py"]


def test_a_copy_shares_fingerprints_with_its_original_and_other_code_does_not() -> None:
    original = set(hashes(fingerprints(ORIGINAL.encode())[1]))
    renamed = set(hashes(fingerprints(ORIGINAL.replace("self", "this").replace("value", "item").encode())[1]))
    assert original == renamed
    assert original.isdisjoint(hashes(fingerprints(OTHER.encode())[1]))


def cut_by_the_standard_library(text: str) -> list[str]:
    """Tokens without layout and comments, operators character by character, strings whole."""
    layout = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENDMARKER}
    lines = text.splitlines(keepends=True)
    pieces: list[str] = []
    depth, begin = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind.endswith("STRING_START"):  # From Python 3.12 on, what is in an f-string is cut too.
            begin, depth = begin if depth else token.start, depth + 1
        elif kind.endswith("STRING_END"):
            depth -= 1
            if not depth:
                pieces.append(between(lines, begin, token.end))
        elif not depth and token.type not in layout:
            pieces += token.string if token.type == tokenize.OP else [token.string]
    return list(filter(None, pieces))


def between(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    """What stands from one place up to another, each a line from 1 and a column from 0."""
    kept = lines[begin[0] - 1 : end[0]]
    kept[-1] = kept[-1][: end[1]]
    kept[0] = kept[0][begin[1] :]
    return "".join(kept)


@pytest.mark.parametrize("module", [argparse, io, tokenize, statistics], ids=lambda module: module.__name__)
def test_code_is_cut_as_the_standard_library_cuts_it(module: ModuleType) -> None:
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    ours = [piece.decode() for piece in cut(text.encode()) if piece != b"\n" and not piece.startswith(b"#")]
    assert ours == cut_by_the_standard_library(text)


pieces = st.sampled_from(
    ["x", "if", "é", "²", "0x1e-5", "1e-5", ".5", "'", '"', "'''", '"""', "\\", "\n", "\r\n", " ", "\t", "\f", "#",
     "rb'a'", "import a", "from . import (a,\n b)", ",", ")", "(", "=", "?", "\0", "f'{x}'"]
)  # fmt: skip


@given(st.lists(pieces | st.text(max_size=3), max_size=40).map("".join))
def test_both_ways_to_read_a_text_agree_whatever_it_is(text: str) -> None:
    code = read(text.encode())
    assert code.kinds == kinds_of(text.encode())
    assert len(code.spellings) == len(code.lines) == code.size
    assert list(code.lines) == sorted(code.lines)
