"""Whatever is written in the grammar is read back exactly; whatever is not is refused, never a crash."""

from __future__ import annotations

import codecs
import tempfile
from encodings.aliases import aliases
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fumehood.errors import FumehoodError, Place
from fumehood.model.index_options import IndexOptions
from fumehood.model.requirement import Requirement, RequirementSet
from fumehood.reading import requirement_line, requirements_txt

FILE = "requirements.txt"


class Drawn(Struct, frozen=True, kw_only=True):
    """One logical line in its physical lines, and the requirement that it must become; none for the others."""

    lines: tuple[str, ...]
    text: str | None = None
    name: str | None = None
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str | None = None
    url: str | None = None
    editable: bool = False
    hashes: tuple[str, ...] = ()
    extra_index: str | None = None

    def requirement(self, line: int) -> Requirement | None:
        if self.text is None:
            return None
        return Requirement(
            name=canonicalize_name(self.name) if self.name else None,
            text=self.text,
            place=Place(FILE, line),
            extras=self.extras,
            specifier=SpecifierSet(self.specifier),
            marker=Marker(self.marker) if self.marker else None,
            url=self.url,
            editable=self.editable,
            hashes=self.hashes,
        )


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    # A name that ends like an archive is a file to pip.
    lambda name: (
        name.rpartition(".")[2].lower() not in {"whl", "zip", "tar", "tgz", "tbz", "txz", "tlz", "gz", "xz", "lz"}
    )
)
words = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
extras = st.lists(words, max_size=2, unique=True).map(lambda given: tuple(sorted(given)))
specifiers = st.sampled_from(["", "==1.0", ">=1,<2", "~=2.1", "!=1.*", "===odd"])
markers = st.sampled_from([None, None, "python_version < '3.13'", 'sys_platform == "linux" and extra == "x"'])
comments = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12).map(
    # A backslash at the end would continue the line after the comment.
    lambda text: text.rstrip("\\")
)
tails = st.one_of(st.just(""), st.sampled_from([" ", "\t"]), comments.map(lambda text: f"  #{text}"))
hashes = st.lists(st.sampled_from(["sha256:00aa", "sha384:11bb", "sha512:22CC"]), max_size=3, unique=True).map(tuple)


@st.composite
def specifier_lines(draw: st.DrawFn) -> Drawn:
    name, given_extras, specifier, marker = draw(names), draw(extras), draw(specifiers), draw(markers)
    given_hashes, tail = draw(hashes), draw(tails)
    head = name + (f"[{','.join(given_extras)}]" if given_extras else "") + specifier
    text = head + (f" ; {marker}" if marker else "")
    options = [f"--hash{draw(st.sampled_from(['=', ' ']))}{value}" for value in given_hashes]
    if draw(st.booleans()):
        *before, last = text, *options
        lines = (*(f"{part} \\" for part in before), f"{last}{tail}")
    else:
        lines = (f"{' '.join([text, *options])}{tail}",)
    return Drawn(
        lines=lines,
        text=text,
        name=name,
        extras=given_extras,
        specifier=specifier,
        marker=marker,
        hashes=given_hashes,
    )


@st.composite
def located_lines(draw: st.DrawFn) -> Drawn:
    name, marker, tail, path = draw(words), draw(markers), draw(tails), draw(words)
    editable = draw(st.booleans())
    url = draw(st.sampled_from([f"./{path}", f"git+https://h.invalid/{path}@main", f"file:///srv/{path}"]))
    if url.startswith("./"):
        text, shown = url, None
    elif draw(st.booleans()):
        text, shown, url = f"{url}#egg={name}", name, f"{url}#egg={name}"
    else:
        text, shown = f"{name} @ {url}", name
    text += f" ; {marker}" if marker else ""
    prefix = draw(st.sampled_from(["-e ", "--editable ", "--editable="])) if editable else ""
    return Drawn(lines=(f"{prefix}{text}{tail}",), text=text, name=shown, marker=marker, url=url, editable=editable)


@st.composite
def other_lines(draw: st.DrawFn) -> Drawn:
    kind = draw(st.sampled_from(["blank", "comment", "option"]))
    if kind == "blank":
        return Drawn(lines=(draw(st.sampled_from(["", "  ", "\t"])),))
    if kind == "comment":
        before, after = draw(st.sampled_from(["", "  "])), draw(st.sampled_from(["", " \\"]))
        return Drawn(lines=(f"{before}#{draw(comments)}{after}",))
    address = f"https://{draw(words)}.invalid/simple"
    quote = draw(st.sampled_from(["", "'", '"']))
    option = f"--extra-index-url{draw(st.sampled_from(['=', ' ']))}{quote}{address}{quote}"
    return Drawn(lines=(f"{option}{draw(tails)}",), extra_index=address)


documents = st.lists(st.one_of(specifier_lines(), located_lines(), other_lines()), max_size=8)


def read(content: bytes, included: bytes | None = None) -> RequirementSet:
    # Not `tmp_path`: that is one folder for all examples of a test.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FILE)
        path.write_bytes(content)
        if included is not None:
            Path(folder, "a").write_bytes(included)
        return requirements_txt.read(path, root=Path(folder), environ={"A": "a", "B_1": "-r a"})


@settings(max_examples=150, deadline=None)
@given(
    documents,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n"]),
    st.sampled_from([(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")]),
)
def test_what_is_written_is_read_back_with_its_lines(
    drawn: list[Drawn], newline: str, end: str, encoding: tuple[bytes, str]
) -> None:
    mark, codec = encoding
    content = newline.join(line for each in drawn for line in each.lines) + end
    expected, number = [], 1
    for each in drawn:
        expected.append(each.requirement(number))
        number += len(each.lines)

    found = read(mark + content.encode(codec))

    assert found == RequirementSet(
        requirements=tuple(requirement for requirement in expected if requirement),
        options=IndexOptions(
            extra_index_urls=tuple(dict.fromkeys(each.extra_index for each in drawn if each.extra_index))
        ),
        files=(FILE,),
    )


fragments = st.sampled_from(
    [
        *"\\\n\r\f #;'\"-@[](){}$/.,=<>~!*:%&",
        *("foo", "1.0", "==", ">=", "-r a", "-c a", "-e", "--hash=", "sha256:", "--pre", "--index-url", "-i", "\\\n"),
        *(
            "${A}",
            "${B_1}",
            "${C}",
            "https://",
            "git+https://",
            "file:",
            "#egg=",
            ".whl",
            "-py3-none-any",
            "././",
            "\0",
        ),
        *("python_version", "extra", "and", "# coding: ", "latin-1", "utf-7", "\ufeff", "\u2028", "\u00e9", "1" * 5000),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(), st.lists(fragments, max_size=12).map("".join)), st.lists(fragments, max_size=4).map("".join)
)
@example("foo==" + "1" * 5000, "")
@example("foo @ http://[", "")
@example("-r ''", "")
@example("-e ''", "")
def test_no_text_raises_anything_but_an_error_of_ours(text: str, included: str) -> None:
    try:
        read(text.encode("utf-8", "surrogatepass"), included.encode())
    except FumehoodError as error:
        # A message can be printed on any terminal, and stays on the lines it is made of.
        assert str(error).encode()  # noqa: PT017 - whether there is an error at all is not the point


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(), st.binary().map(lambda data: b"# coding: utf-8\n" + data)))
def test_no_bytes_raise_anything_but_an_error_of_ours(data: bytes) -> None:
    try:
        read(data)
    except FumehoodError as error:
        assert str(error).encode()  # noqa: PT017 - as above


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["", "foo @ ", "foo ;", "https://", "./"]), st.text())
def test_no_argument_raises_anything_but_an_error_of_ours(start: str, text: str) -> None:
    try:
        requirement_line.parse_line(start + text, place=Place("argument"))
    except FumehoodError as error:
        assert str(error).startswith("argument: ")  # noqa: PT017 - as above


@pytest.mark.parametrize("codec", sorted({*aliases.values(), "idna", "punycode", "undefined", "unicode_escape", "x"}))
def test_every_encoding_that_python_knows_is_read_or_refused(codec: str) -> None:
    try:
        read(f"# coding: {codec}\n".encode() + b"foo\\q # \xe9\xff\x80\\x\n")
    except FumehoodError as error:
        assert error.place in {Place(FILE, 1), Place(FILE, 2)}  # noqa: PT017 - as above
