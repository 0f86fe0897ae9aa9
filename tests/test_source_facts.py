from __future__ import annotations

import ast
import json
import unittest
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.imports import private
from fumehood.imports.calls import MARKERS
from fumehood.imports.same_program import SyntaxMistake, is_same_program
from fumehood.imports.scan import RawImport, _imports, scan
from fumehood.model.import_flags import DYNAMIC, LAZY, MENTIONED, OPTIONAL, TYPING

if TYPE_CHECKING:
    from types import ModuleType


FLAGS = {"typing": TYPING, "optional": OPTIONAL, "lazy": LAZY, "dynamic": DYNAMIC, "mentioned": MENTIONED}


def imports(source: str) -> list[str]:
    """Each import in one line, with its flags in words."""
    return [shown(found) for found in scan(source.encode()).imports]


def shown(found: RawImport) -> str:
    module, level, taken, line, flags = found
    words = [word for word, flag in FLAGS.items() if flags & flag]
    return " ".join([f"{line}: {'.' * level}{module}", *filter(None, [taken]), *words])


def test_every_form_of_the_import_statement_is_found_with_its_line() -> None:
    source = (
        '"""import nothing from a docstring"""\n'
        "import a.b, c as d\n"
        "from e.f import g, h as i\n"
        "from . import j\n"
        "from ..k import *\n"
        "x = 1; import m\n"
        "from n import (\n    o,  # first (of two)\n    p,\n)\n"
        "from q \\\n    import r\n"
        "if x: import s\n"
        "# import t\n"
    )
    assert imports(source) == [
        "2: a.b",
        "2: c",
        "3: e.f g",
        "3: e.f h",
        "4: . j",
        "5: ..k *",
        "6: m",
        "7: n o",
        "7: n p",
        "11: q r",
        "13: s",
    ]


def test_an_import_knows_whether_it_is_for_typing_optional_or_lazy() -> None:
    source = (
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "if not typing.TYPE_CHECKING:\n    import c\n"
        "try:\n    import d\nexcept ImportError:\n    import e\nelse:\n    import f\n"
        "try:\n    import g\nexcept KeyError:\n    import h\nfinally:\n    import i\n"
        "with contextlib.suppress(ModuleNotFoundError):\n    import j\n"
        "def work():\n    import k\n    try:\n        import m\n    except (OSError, ImportError):\n        pass\n"
        "class Thing:\n    import n\n    async def work(self):\n        import o\n"
        "match x:\n    case 1:\n        import p\n"
        "if is_q_available() and x:\n    import q\nelse:\n    import r\n"
        "def f():\n    if not is_u_available():\n        raise ImportError\n    if x:\n        import u, v\n"
        "if not HAS_S:\n    import s\nif torch.cuda.is_available():\n    import t\n"
        "def f():\n    if not HAS_W:\n        return\n    if not is_y_available():\n        return\n    import w, y\n"
    )
    assert imports(source) == [
        "2: a typing",
        "4: b",
        "6: c",
        "8: d optional",
        "10: e optional",
        "12: f",
        "14: g",
        "16: h",
        "18: i",
        "20: j optional",
        "22: k lazy",
        "24: m optional lazy",
        "28: n",
        "30: o lazy",
        "33: p",
        "35: q optional",
        "37: r",
        "42: u optional lazy",
        "42: v lazy",
        "44: s",
        "46: t",
        "52: w optional lazy",
        "52: y optional lazy",
    ]


def test_imports_by_literal_name_are_found_whatever_the_function_is_called() -> None:
    source = (
        "from importlib import import_module as load\n"
        'importlib.import_module("a.b")\n'
        'load("c")\n'
        'load(".d", package="e.f")\n'
        'load(".g", __package__)\n'
        "__import__('h')\n"
        'importlib.util.find_spec("i")\n'
        'pytest.importorskip("j")\n'
        'runpy.run_module(mod_name, "k")\n'
        'pytest_plugins = ["m", "n.o"]\n'
        "def later():\n    return load(name='p')\n"
        "try:\n    load('q')\nexcept ImportError:\n    r = 'r.s'\nload(r)\n"
        "load('.'.join(['t', 'u']))\nload(f'{__package__}.v')\n"
    )
    assert imports(source) == [
        "1: importlib import_module",
        "2: a.b dynamic",
        "3: c dynamic",
        "4: e.f.d dynamic",
        "5: .g dynamic",
        "6: h dynamic",
        "7: i optional dynamic",
        "8: j optional dynamic",
        "10: m dynamic",
        "10: n.o dynamic",
        "12: p lazy dynamic",
        "14: q optional dynamic",
        "17: r.s dynamic",
        "18: t.u dynamic",
        "19: .v dynamic",
    ]


def test_a_byte_order_mark_hides_no_import() -> None:
    assert [raw[0] for raw in scan(b"\xef\xbb\xbfimport a\n").imports] == ["a"]


def test_of_names_that_are_put_together_the_beginning_is_known() -> None:
    source = (
        'import_module(f"experiments.{name}")\n'
        'import_module("a." + name)\n'
        'import_module("b.%s" % name)\n'
        'import_module("c.{}".format(name))\n'
        "import_module(name)\n"
        'import_module(".".join(["d", name]))\n'
        "import_module(f'{FOLDER}.{name}')\n"
        "import_module(twice + name)\n"
        "import_module(__name__)\n"
        "FOLDER: str = 'e'\ntwice = 'f.'\ntwice = 'g.'\n"
    )
    texts = ["experiments.", "a.", "b.", "c.", "", "d.", "e.", "", ""]
    assert scan(source.encode()).prefixes == tuple(
        (text, line, text and "*") for line, text in enumerate(texts, start=1)
    )


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ('f"a.{x}.b_{y}.c"', ("a.", "*.b_*.c")),
        ('"a.%s.%05d.c" % (x, y)', ("a.", "*.*.c")),
        ('"%s.%s" % (__name__, x)', (".", "*")),
        ('"{}.b.{}".format(__package__, x)', (".b.", "*")),
        ('"a.{x}.b".format(x=x)', ("a.", "*.b")),
        ('"{}.b".format(x)', ("", "")),
    ],
)
def test_of_names_that_are_put_together_what_follows_is_known_too(expression: str, known: tuple[str, str]) -> None:
    assert scan(f"import_module({expression})\n".encode()).prefixes == ((known[0], 1, known[1]),)


@pytest.mark.parametrize(
    ("call", "known"),
    [
        ("iter_modules(__path__)", (".", "*")),
        ('pkgutil.walk_packages(__path__, __name__ + ".")', (".", "**")),
        ('pkgutil.walk_packages(path, prefix="a.b.")', ("a.b.", "**")),
        ("pkgutil.iter_modules(c.__path__, c.__name__ + '.')", ("a.c.", "*")),
        ("pkgutil.iter_modules(path=d.e.__path__)", ("d.e.", "*")),
        ("pkgutil.iter_modules([str(HERE)])", (".", "*")),
    ],
)
def test_of_modules_that_are_listed_the_package_is_known(call: str, known: tuple[str, str]) -> None:
    source = f"for found in {call}: ...\nfrom a import c\nimport d.e\nHERE = Path(__file__).parent\n"
    assert scan(source.encode()).prefixes == ((known[0], 1, known[1]),)


@pytest.mark.parametrize("call", ["iter_modules()", "iter_modules(path)", "iter_modules([HERE / 'plugins'])"])
def test_of_modules_that_are_listed_elsewhere_nothing_is_known(call: str) -> None:
    assert scan(f"HERE = Path(__file__).parent\nfor found in {call}: ...\n".encode()).prefixes == ()


def test_edits_of_the_import_path_are_known_with_what_is_literal_in_them() -> None:
    source = (
        'sys.path.insert(0, os.path.join(here, "..", "lib"))\n'
        "sys.path.append(str(Path(__file__).parent / 'helpers'))\n"
        "sys.path += ['more']\n"
        "sys.path[:0] = ['less']\n"
        "HERE = Path(__file__).parent\nLIB = HERE / '..' / 'lib'\nsys.path.append(str(LIB))\n"
        "from sys import path\npath.insert(0, 'first')\nsite.addsitedir('site')\n"
    )
    assert scan(source.encode()).path_edits == (
        (("..", "lib"), 1),
        (("helpers",), 2),
        (("more",), 3),
        (("less",), 4),
        (("..", "lib"), 7),
        (("first",), 9),
        (("site",), 10),
    )


def test_strings_that_look_like_modules_are_known_but_not_those_in_comments_and_docstrings() -> None:
    source = '"""Not "a.b" here."""\n# "c.d"\nregistry = {"one": "core.models.llama", \'two\': \'pkg.mod:Class\'}\n'
    assert [shown(found) for found in scan(source.encode()).strings] == [
        "3: core.models.llama mentioned",
        "3: pkg.mod.Class mentioned",
    ]


def test_groups_of_entry_points_and_names_in_all_are_known() -> None:
    found = scan(b'__all__ = ["a", "b"]\nentry_points(group="core.plugins")\nmetadata.entry_points().get(x)\n')
    assert found.groups == ("", "core.plugins")
    assert found.exports == ("a", "b")


def test_of_a_file_that_is_no_python_the_mistake_is_known_and_the_imports_on_lines_of_their_own() -> None:
    found = scan(b"import a\nfrom b import (\n    c,\n)\ndef broken(:\n    import d\n")
    assert found.error == ("invalid syntax", 5)
    assert [shown(one) for one in found.imports] == ["1: a", "2: b c", "6: d"]
    assert scan(b"import a\0\n").error is not None


@pytest.mark.parametrize(
    "after",
    [
        "# a comment\ndef f(a, b):\n  return a+b",
        '"""A module."""\ndef f(a, b):\n    """Add."""\n    return a + b\n',
        "def f(\n    a,\n    b,\n):\n\n    return (a + b)  # sum\n",
    ],
)
def test_comments_docstrings_and_layout_leave_the_tree_as_it_was(after: str) -> None:
    assert is_same_program(b"def f(a, b):\n    return a + b\n", after.encode()) is True


@pytest.mark.parametrize("after", ["def f(a, b):\n    return b + a\n", "def f(b, a):\n    return a + b\n", ""])
def test_a_change_of_the_program_changes_the_tree(after: str) -> None:
    assert is_same_program(b"def f(a, b):\n    return a + b\n", after.encode()) is False


def test_a_docstring_may_be_all_that_a_function_has() -> None:
    assert is_same_program(b'def f():\n    """Do."""\n', b"def f():\n    pass\n") is True
    assert is_same_program(b"def f(:\n", b"f = 1\n") is False
    assert is_same_program(b"f = 1\n", b"def f(:\n") == SyntaxMistake(message="invalid syntax", line=1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = """\n# a\n"""\n', 'x = """\n# b\n"""\n'),
        ('x = """\n\n"""\n', 'x = """\n"""\n'),
        ("x = '# a'\n", "x = '# b'\n"),
        ("x = 'a\\\n# b'\n", "x = 'a\\\n# c'\n"),
        ("x = 1 \\\n\ny = 2\n", "x = 1 \\\n + 2\ny = 2\n"),
        ("if x:\n    a\n\n    b\n", "if x:\n    a\n\nb\n"),
        ("x = 1 #\\\ny = 2\n", "x = 1 #\n#y = 2\n"),
        ("# coding: latin-1\nx = 'é'\n", "# coding: utf-8\nx = 'é'\n"),
    ],
)
def test_what_only_looks_like_a_comment_is_part_of_the_program(before: str, after: str) -> None:
    assert is_same_program(before.encode(), after.encode()) is False


PIECES = st.sampled_from(["# c\n", "\n", "  # d\n", "x = 1  # e\n", "if x:\n  # f\n  y = '#'\n", 'z = """\n# g\n"""\n'])


@given(st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8))
def test_programs_are_the_same_exactly_where_their_trees_are(before: list[str], after: list[str]) -> None:
    one, two = ("".join(pieces).encode() for pieces in (before, after))
    assert (is_same_program(one, two) is True) == (ast.dump(ast.parse(one)) == ast.dump(ast.parse(two)))


def privates(source: str) -> list[str]:
    """Each private name that is reached, in one line."""
    return [f"{line}: {'.' * level}{name}" for name, level, line in private.privates(source.encode())]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b\na.b._c.d._e.f\n", ["2: a.b._c.d._e"]),
        ("import a.b as m\nm._c = 1\ndel m._d\n", ["2: a.b._c", "3: a.b._d"]),
        ("from a import b as m\nm._c()._d\n", ["2: a.b._c"]),
        ("from .. import b\nb. _c\n(b  # why\n ._d)\n", ["2: ..b._c", "3: ..b._d"]),
        ("import m\nm.__name__, m.x, m.__version__._c, m.__d\n", ["2: m.__d", "2: m.__version__._c"]),
        ("x = '._a'; import m\nif m: m._c\n", ["2: m._c"]),
        ("def f():\n    import m\n    return lambda: m._c\nm._d\n", ["3: m._c"]),
        ("try:\n    import m\nexcept ImportError:\n    m = None\nm._c\n", ["5: m._c"]),
        ("try:\n    import a as m\nexcept ImportError:\n    import b as m\nm._c\n", ["5: a._c", "5: b._c"]),
        ("import m\nm = m.make()\nm._c\n", []),
        ("import m\ndef f(m): m._c\ndef g(*m): m._c\ndef h(*, m): m._c\nlambda m: m._c\n", []),
        ("import m\ndef f(x=m._c, *y: m._d) -> m._e: m._f\n", ["2: m._c", "2: m._d", "2: m._e", "2: m._f"]),
        (
            "import m\n@m._c\nclass A(m._d):\n    m = 1\n    m._e\n    def f(self): m._f\n",
            ["2: m._c", "3: m._d", "6: m._f"],
        ),
        ("import m\n[m._c for m in m._d]\n{x: m._e for x in y}\n", ["2: m._d", "3: m._e"]),
        ("import m\ndef f():\n    [m := x for x in y]\n    m._c\n", []),
        ("import m\nfor m in x: pass\nm._c\n", []),
        ("import m\nwith x as m: m._c\n", []),
        ("import m\ntry: pass\nexcept OSError as m: m._c\n", []),
        ("import m\nmatch x:\n    case {'a': [*m]}: m._c\n", []),
        ("def f():\n    global m\n    import m\ndef g():\n    m._c\n", ["5: m._c"]),
        ("import m\ndef f():\n    m._c\n    if x:\n        global m\n    m = 1\n", []),
        ("def f():\n    import m\n    def g():\n        nonlocal m\n        m._c\n", ["5: m._c"]),
        ("def f():\n    import m\n    def g():\n        nonlocal m\n        m = 1\n    m._c\n", []),
        ("import m\n# It ends with a dot.\nm._c\n(m.\nx._c)\n", ["3: m._c", "4: m.x._c"]),
        ("import m\nx.m._c\nm()._d\nm[0]._e\n", []),
        ("from m import *\nm._c\n", []),
    ],
)
def test_private_names_are_reached_through_what_an_import_has_bound_and_nothing_else(
    source: str, expected: list[str]
) -> None:
    assert privates(source) == expected
    assert private.through(source.encode()) or not expected


def test_the_modules_through_which_private_names_may_be_reached_are_seen_in_the_text() -> None:
    source = (
        "import a, b.c as d\nfrom e.f import (\n    g,  # first (of two)\n    h,\n)\n"
        "from . import i; from ..j import k\nfrom l import \\\n    m\nimport n\n"
        "self._n, o._o, d._d, h._h, i._i, k.x.y._k, m._m, n.__name__\n"
    )
    assert private.through(source.encode()) == (".", "..j", "a", "as", "b.c", "d", "e.f", "l")
    assert private.through(b"import n\nself._n, n.__name__\n") == ()
    assert private.privates(b"import m\nm._c(\n") == ()


def test_a_sum_of_thousands_is_looked_through_for_private_names() -> None:
    assert privates("import m\nx = " + " + ".join(["m.a"] * 2000) + "\nm._c\n") == ["3: m._c"]


LINES = st.sampled_from(
    [
        "import a.b",
        "from c import d",
        "from e import (f,\n    g)",
        "from h \\\n  import i",
        "x = 1; import j",
        "x = 'import k'",
        '"""\nimport l\n"""',
        "# import m",
        "x = [\n1,\nimportant]",
        "if x: import n",
        "def f():\n    import o\n    return 1",
        "try:\n    import p\nexcept ImportError:\n    pass",
        "try:\n    import q\nfinally:\n    import r",
        "class C:\n    'from s import t'\n    from u import v",
        "x = 'a\\\nimport w'",
        "lambda: (yield)",
    ]
)
LONG = st.sampled_from(
    [
        "def g():\n" + "    x = 'nothing'\n" * 120,
        "x = [\n" + "important,\n" * 200 + "]",
        'x = """\n' + "from y import z\n" * 120 + '"""',
        "x = f(\na,\n" + "b\n,\n" * 400 + ")",
        "@decorated\nclass C:\n" + "    # import it\n" * 120 + "    pass",
    ]
)
"""What stands before an import is left out where there is much of it."""


@given(st.lists(LINES | LONG, max_size=8))
def test_reading_up_to_the_last_import_finds_what_reading_everything_finds(lines: list[str]) -> None:
    source = "\n".join(lines) + "\n"
    everything = [(module, level, name, line) for module, level, name, line, _ in _imports(ast.parse(source).body, 0)]
    assert [found[:4] for found in scan(source.encode()).imports] == everything


@pytest.mark.parametrize("package", [json, unittest, pytest], ids=lambda package: package.__name__)
def test_reading_less_of_a_real_file_finds_what_reading_everything_finds(package: ModuleType) -> None:
    files = sorted(Path(str(package.__file__)).parent.parent.glob(f"*{package.__name__}/*.py"))
    sources = [file.read_bytes() for file in files]
    assert sum(len(source) for source in sources) > 20_000
    for source in sources:
        if not any(marker in source for marker in MARKERS):
            assert list(scan(source).imports) == list(_imports(ast.parse(source).body, 0))
