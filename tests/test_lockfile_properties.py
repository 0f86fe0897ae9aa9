from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from fumehood.errors import Place
from fumehood.locking import lockfile
from fumehood.locking.certificate import breaches
from fumehood.locking.delta import delta_of
from fumehood.model.lock import Header, LayeredLock, Lock, Pin, by_name
from fumehood.model.markers import universal
from fumehood.model.requirement import Requirement
from support.values import values

NAMES = [canonicalize_name(name) for name in ("alpha", "beta-lib", "gamma", "zope-interface", "x")]
VERSIONS = ["1.0", "1.1", "2.0rc1", "2.0", "2.0.post1", "1!3.0", "2.0+cpu"]
MARKERS = [
    "",
    'sys_platform == "win32"',
    'python_full_version < "3.12"',
    'python_full_version >= "3.12"',
    'python_full_version < "3.13.1" and platform_machine == "aarch64"',
    'implementation_name == "pypy" or os_name == "nt"',
]
names = st.sampled_from(NAMES)
hashes = st.lists(st.text("0123456789abcdef", min_size=4, max_size=8).map("sha256:{}".format), max_size=3, unique=True)
markers = st.sampled_from(MARKERS)
released = values(
    Pin,
    name=names,
    version=st.sampled_from(VERSIONS),
    marker=markers,
    hashes=hashes.map(lambda found: tuple(sorted(found))),
)
addressed = values(
    Pin,
    name=names,
    url=st.sampled_from(["https://example.invalid/x.whl", "git+https://example.invalid/x@ab12#egg"]),
    marker=markers,
)
local = st.builds(
    lambda path, editable, marker: Pin(name=NormalizedName(path), url=path, editable=editable, marker=marker),
    st.sampled_from(["./lib", "../other lib", "my lib/inner", "x-1.0-py3-none-any.whl", "file:///srv/x.whl"]),
    st.booleans(),
    markers,
)
named_file = values(Pin, name=names, url=st.just("file:///srv/x.whl"), marker=markers)
digests = st.text("0123456789abcdef", min_size=8, max_size=8).map("sha256:{}".format)
headers = values(
    Header,
    inputs=digests,
    python=st.sampled_from(["3.11", "3.12", "3.14"]),
    core=digests | st.none(),
    removes=st.lists(names, unique=True, max_size=2).map(lambda found: tuple(sorted(found))),
)
locks = values(
    Lock,
    header=headers,
    pins=st.lists(released | addressed | local | named_file, max_size=6, unique=True).map(
        lambda pins: tuple(sorted(pins))
    ),
)


@given(locks)
def test_a_lock_reads_back_as_it_was_written(lock: Lock) -> None:
    text = lockfile.render(lock)
    assert lockfile.parse(text, path="x.lock") == lock
    assert lockfile.render(lockfile.parse(text, path="x.lock")) == text
    assert lockfile.parse(text.replace("\n", "\r\n"), path="x.lock") == lock


@given(locks, st.data())
def test_no_change_of_what_a_lock_says_goes_unseen(lock: Lock, data: st.DataObject) -> None:
    other = data.draw(locks)
    forged = "\n".join(
        one if one.startswith("# digest: ") else two
        for one, two in zip(
            lockfile.render(lock).splitlines() + [""] * 99,
            lockfile.render(other).splitlines() + [""] * 99,
            strict=False,
        )
    )
    read = lockfile.parse(forged, path="x.lock")
    assert read.damage or (read.header, read.pins) == (lock.header, lock.pins)


@given(st.text() | locks.map(lockfile.render), st.text(), st.integers(0, 400))
def test_any_text_at_all_is_read_without_a_crash(text: str, inserted: str, at: int) -> None:
    lock = lockfile.parse(text[:at] + inserted + text[at:], path="x.lock")
    universal(lock.header.python or "3.11")
    lockfile.render(lock)


def resolution(names: list[NormalizedName]) -> st.SearchStrategy[tuple[Pin, ...]]:
    """One resolution: for each package either one pin everywhere, one somewhere, or one for each half of the world."""
    halves = st.tuples(*[st.sampled_from(VERSIONS)] * 2)

    def pins(name: NormalizedName, kind: str, versions: tuple[str, str]) -> tuple[Pin, ...]:
        one, two = (Pin(name=name, version=version, hashes=(f"sha256:{version}",)) for version in versions)
        match kind:
            case "everywhere":
                return (one,)
            case "halves":
                return tuple(sorted((replace(one, marker=MARKERS[2]), replace(two, marker=MARKERS[3]))))
            case "absent":
                return ()
        return (replace(one, marker=kind),)

    kinds = st.sampled_from(["everywhere", "halves", "absent", *MARKERS[1:]])
    each = [st.builds(pins, st.just(name), kinds, halves) for name in names]
    return st.tuples(*each).map(lambda groups: tuple(sorted(pin for group in groups for pin in group)))


@given(resolution(NAMES[:3]), resolution(NAMES), st.sampled_from(["3.11", "3.12", "3.13"]))
def test_core_and_delta_together_are_the_resolution(core: tuple[Pin, ...], full: tuple[Pin, ...], python: str) -> None:
    header = Header(inputs="sha256:1", python="3.11")
    lock = delta_of(Lock(header=header, pins=core), full, Header(inputs="sha256:2", python=python, core="sha256:3"))
    for environment in universal(python):
        stacked = [(pin.requirement, pin.hashes) for pin in lock.pins if environment.admits(pin.marker)]
        assert stacked == [(pin.requirement, pin.hashes) for pin in full if environment.admits(pin.marker)]
    changed = {pin.name for pin in lock.delta.pins}
    for name in changed & {pin.name for pin in core}:
        assert by_name(core)[name] != by_name(full)[name], "a pin that core has is not repeated"
    assert not changed & set(lock.delta.header.removes)
    again = delta_of(lock.core, lock.pins, lock.delta.header)
    assert again.pins == lock.pins


specifiers = st.sampled_from(["", ">=1.1", "<2", "==1.*", "!=2.0", ">2,<3", "==2.0", "===2.0", "~=1.0", ">=9"])


@given(
    st.lists(
        st.builds(
            lambda name, specifier, marker, constraint: Requirement(
                name=name,
                text=f"{name}{specifier}",
                place=Place("requirements.txt", 1),
                specifier=SpecifierSet(specifier),
                marker=Marker(marker) if marker else None,
                constraint=constraint,
            ),
            names,
            specifiers,
            markers,
            st.booleans(),
        ),
        max_size=4,
    ),
    st.lists(released, max_size=6),
    st.sampled_from(["3.11", "3.13"]),
)
def test_the_certificate_agrees_with_looking_at_every_environment(
    lines: list[Requirement], pins: list[Pin], python: str
) -> None:
    found = [breach.requirement for breach in breaches(lines, by_name(pins), python=python)]
    assert found == [line for line in lines if breaks(line, pins, python)]


def breaks(line: Requirement, pins: list[Pin], python: str) -> bool:
    for version, platform, machine, implementation in product(
        [f"3.{minor}.{micro}" for minor in range(int(python[2:]), 17) for micro in (0, 99)],
        [("linux", "posix"), ("darwin", "posix"), ("win32", "nt")],
        ["x86_64", "aarch64", "arm64", "AMD64"],
        ["cpython", "pypy"],
    ):
        if (platform[0] == "win32") != (machine == "AMD64") or (platform[0], machine) in {
            ("darwin", "aarch64"),
            ("linux", "arm64"),
        }:
            continue
        variables = {
            "sys_platform": platform[0],
            "os_name": platform[1],
            "platform_machine": machine,
            "implementation_name": implementation,
            "python_full_version": version,
        }
        if line.marker and not line.marker.evaluate(dict(variables)):
            continue
        here = [
            pin
            for pin in pins
            if pin.name == line.name and (not pin.marker or Marker(pin.marker).evaluate(dict(variables)))
        ]
        if not here and not line.constraint:
            return True
        if not all(line.specifier.contains(pin.version, prereleases=True) for pin in here):
            return True
    return False


def test_a_layered_lock_without_a_delta_is_core_s() -> None:
    header = Header(inputs="sha256:1", python="3.11")
    core = Lock(header=header, pins=(Pin(name=NAMES[0], version="1.0"),))
    assert LayeredLock(core=core, delta=Lock(header=header)).pins == core.pins
