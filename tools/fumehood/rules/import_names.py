"""Which distributions may bring a module: those installed in layers say it themselves, and for others a table knows.

Most distributions have the name of their module. The table has the well-known ones that have not; a name that it lacks
is found all the same as soon as the distribution has once been installed in a layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import canonicalize_name

from fumehood.environments import contents, layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.environments.contents import Tree

_OTHERS = {
    "Bio": ("biopython",),
    "Crypto": ("pycryptodome",),
    "Cryptodome": ("pycryptodomex",),
    "IPython": ("ipython",),
    "Levenshtein": ("levenshtein", "python-levenshtein"),
    "MySQLdb": ("mysqlclient",),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow", "pillow-simd"),
    "_pytest": ("pytest",),
    "absl": ("absl-py",),
    "attr": ("attrs",),
    "bs4": ("beautifulsoup4",),
    "cuda": ("cuda-python", "cuda-bindings", "cuda-core"),
    "cupy": ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x", "cupy-rocm-5-0"),
    "cutlass": ("nvidia-cutlass-dsl", "nvidia-cutlass"),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12"),
    "fitz": ("pymupdf",),
    "fla": ("flash-linear-attention",),
    "git": ("gitpython",),
    "github": ("pygithub",),
    "google.protobuf": ("protobuf",),
    "grpc": ("grpcio",),
    "haiku": ("dm-haiku",),
    "hydra": ("hydra-core",),
    "igraph": ("igraph", "python-igraph"),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "kafka": ("kafka-python",),
    "magic": ("python-magic",),
    "monarch": ("torchmonarch", "torchmonarch-nightly"),
    "mpl_toolkits": ("matplotlib",),
    "multipart": ("python-multipart",),
    "nacl": ("pynacl",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pkg_resources": ("setuptools",),
    "pptx": ("python-pptx",),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pylab": ("matplotlib",),
    "pynvml": ("nvidia-ml-py", "pynvml"),
    "rest_framework": ("djangorestframework",),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "skvideo": ("scikit-video",),
    "slugify": ("python-slugify",),
    "snappy": ("python-snappy",),
    "socks": ("pysocks",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tf-nightly"),
    "torch": ("torch", "torch-nightly"),
    "torchft": ("torchft", "torchft-nightly"),
    "tree": ("dm-tree",),
    "triton": ("triton", "pytorch-triton"),
    "umap": ("umap-learn",),
    "websocket": ("websocket-client",),
    "whisper": ("openai-whisper",),
    "win32api": ("pywin32",),
    "wx": ("wxpython",),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}
"""Modules whose distributions are called otherwise, the usual one first."""

_SHARED = frozenset({"azure", "backports", "google", "jaraco", "nvidia", "ruamel", "sphinxcontrib", "zope"})
"""First names that many distributions share, each of which brings a part."""


def subject(module: str) -> str:
    """The part of a module's name that its distribution decides about: the first name, or two or three of them."""
    parts = module.split(".")
    if parts[0] not in _SHARED:
        return parts[0]
    return ".".join(parts[: 3 if parts[:2] == ["google", "cloud"] else 2])


_FORMS = ("python-{}", "py{}", "{}-python", "{}-py", "{}-python-lib", "{}-lib", "{}-sdk", "{}-client")
"""What else distributions are called that bring a module of some name."""


def likely(module: str) -> tuple[str, ...]:
    """The normalised names of distributions that may bring what `subject` says, the likeliest first."""
    if module in _OTHERS:
        return _OTHERS[module]
    name = canonicalize_name(module.replace(".", "-"))
    return (name, *(form.format(name) for form in _FORMS))


class Installed(Struct, frozen=True):
    """What the distributions in this machine's layers bring, whatever their versions.

    Attributes:
        trees: By normalised name, see `contents.Tree`.
        with_commands: Those that have commands.
    """

    trees: Mapping[str, Tree]
    with_commands: frozenset[str]

    def bringing(self, module: str) -> Iterator[str]:
        """The distributions that bring a module."""
        parts = module.split(".")
        return (name for name, tree in self.trees.items() if _has(tree, parts))

    def is_imported_never(self, name: str) -> bool:
        """Whether a distribution is known to have nothing to import, or commands to run."""
        return name in self.trees and (name in self.with_commands or not contents.importable(self.trees[name]))


def installed(layers: Iterable[Path]) -> Installed:
    """What is in published layers."""
    trees: dict[str, Tree] = {}
    commands: set[str] = set()
    for path in layers:
        if (found := layer.load(path)) is not None:
            trees.update(found.trees)
            commands.update(item.name for item in found.distributions if item.commands)
    return Installed(trees, frozenset(commands))


def _has(tree: Tree, parts: Iterable[str]) -> bool:
    for part in parts:
        below = tree.get(part)
        if not isinstance(below, dict):
            return below is not None
        tree = below
    return contents.importable(tree)
