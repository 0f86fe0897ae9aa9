"""What conflicts are measured on: requirement lines of a public repository, and generated ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from bench.measure import FailedError
from bench.workload import write
from fumehood.locking.book import LockBook
from fumehood.locking.store import LockStore
from fumehood.model.experiment import experiment_target
from fumehood.model.lock import Lock, Pin
from fumehood.repository import open_repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CORE = "torch>=2.7\n"

EXAMPLES: Mapping[str, str] = {
    "dcgan": "torch\ntorchvision\nlmdb\n",
    "distributed/FSDP": "transformers\ndatasets\ntqdm\nprotobuf\nSentencePiece\nnlp\n",
    "distributed/FSDP2": "torch>=2.7\nnumpy\n",
    "distributed/ddp": "torch>=2.7\n",
    "distributed/ddp-tutorial-series": "torch>=1.11.0",
    "distributed/minGPT-ddp": "torch>=2.7\nboto3\nhydra-core\nrequests\naiohttp\n",
    "distributed/rpc/batch": "torch\ntorchvision\nnumpy\ngymnasium\n",
    "distributed/rpc/ddp_rpc": "torch>=2.7.0\nnumpy\n",
    "distributed/rpc/parameter_server": "torch>=2.7.1\nnumpy\n",
    "distributed/rpc/pipeline": "torch\ntorchvision",
    "distributed/rpc/rl": "torch\nnumpy\ngymnasium\n",
    "distributed/rpc/rnn": "torch>=2.7.1\nnumpy\n",
    "distributed/tensor_parallelism": (
        '# Python dependencies required for running the example\n\ntorch >= 2.7.1; sys_platform == "linux"\n'
    ),
    "docs": (
        "\nsphinx==5.3.0\n#Pinned versions: 5.3.0\n"
        "-e git+https://github.com/pytorch/pytorch_sphinx_theme.git#egg=pytorch_sphinx_theme\nsphinx-panels\n"
    ),
    "fast_neural_style": "numpy\ntorch>=2.6\ntorchvision\n",
    "fx": "torch\ntorchvision\n",
    "gat": "torch\nrequests\nnumpy\n",
    "gcn": "torch>=2.6\ntorchvision\nrequests\nnumpy\n",
    "imagenet": "torch>=2.6\ntorchvision\n",
    "language_translation": "torch\ntorchtext\ntorchdata==0.9.0\nspacy\nportalocker\n",
    "legacy/snli": "torch\ntorchtext\nspacy\n",
    "mnist": "torch\ntorchvision\n",
    "mnist_forward_forward": "torch\ntorchvision\n",
    "mnist_hogwild": "torch\ntorchvision==0.20.0\n",
    "mnist_rnn": "torch\ntorchvision\n",
    "regression": "torch\n",
    "reinforcement_learning": "torch\nnumpy\ngymnasium[classic-control]\n",
    "siamese_network": "torch\ntorchvision\n",
    "super_resolution": "six\ntorch\ntorchvision\n",
    "time_sequence_prediction": "torch<2.6\nmatplotlib\n",
    "vae": "torch\ntorchvision\ntqdm\nsix\n",
    "word_language_model": "torch>=2.6\n",
}
"""https://github.com/pytorch/examples as it was in 2026-08: folder → requirements.txt."""

CONFLICTING = frozenset({"mnist_hogwild", "time_sequence_prediction"})
"""Those that cannot live on that core."""

LONG_CORE = (
    "torch>=2.7",
    "numpy",
    "requests",
    "six",
    "tqdm",
    "boto3",
    "aiohttp",
    "hydra-core",
    "gymnasium",
    "matplotlib",
    "protobuf",
    "portalocker",
)
LONG = (
    "lmdb",
    "transformers",
    "datasets",
    "sentencepiece",
    "spacy",
    "torchvision==0.20.0",
    "pillow",
    "sympy",
    "networkx",
    "jinja2",
    "fsspec",
    "filelock",
    "pyyaml",
)
"""25 lines with core's; two of them cannot hold together, which no line shows: torchvision wants another torch."""

_MANY, _LINES, _PINS = 1000, 20, 100
_LONG_AGO = 60
"""Seconds before now that generated files are dated, so that no change can hide in one tick of the clock."""


def examples(folder: Path) -> Path:
    """The public repository's sets over one line of core's."""
    write(folder, "requirements.txt", CORE)
    write(folder, "pyproject.toml", '[tool.fumehood]\nexperiments = ["*"]\ntest-requirements = []\n')
    for name, text in EXAMPLES.items():
        write(folder, f"{name}/requirements.txt", text)
    return folder


def long(folder: Path) -> Path:
    """One experiment with many lines, on a core with many lines."""
    write(folder, "requirements.txt", "".join(f"{line}\n" for line in LONG_CORE))
    write(folder, "pyproject.toml", "[tool.fumehood]\ntest-requirements = []\n")
    write(folder, "experiments/long/requirements.txt", "".join(f"{line}\n" for line in LONG))
    return folder


def thousand(folder: Path) -> Path:
    """A thousand experiments of 20 lines with their locks, over a core lock of 100 pins: rendered, not resolved."""
    write(folder, "pyproject.toml", "[tool.fumehood]\ntest-requirements = []\n")
    write(folder, "CODEOWNERS", "* @example-owner\n")
    write(folder, "requirements.txt", "".join(f"core-{number}>=1.{number % 7}\n" for number in range(_PINS)))
    for number in range(_MANY):
        shared = [f"core-{(number * 3 + k * 7) % _PINS}>=1.{k % 3},<{3 + (number + k) % 5}" for k in range(15)]
        own = [f"own-{(number + k) % 40}~=2.{(k + number) % 3}" for k in range(_LINES - len(shared))]
        write(folder, f"experiments/e{number:04}/requirements.txt", "\n".join([*shared, *own, ""]))
    _lock(folder)
    for path in folder.rglob("*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_ctime - _LONG_AGO))
    return folder


def _lock(folder: Path) -> None:
    repository = open_repository(folder)
    book = LockBook(repository, LockStore(root=folder, cache=folder / "unused"), {})
    pins = tuple(sorted(_pin(f"core-{number}", "2.5") for number in range(_PINS)))
    book.store.commit(repository.core.lock, Lock(header=book.core_header(), pins=pins))
    core = book.store.committed(repository.core.lock)
    if core is None:
        raise FailedError(f"core's lock was not written to {folder}")
    for target in map(experiment_target, repository.experiments):
        names = {str(line.name) for line in book.inputs(target).requirements}
        own = tuple(sorted(_pin(name, "2.9") for name in names if name.startswith("own-")))
        book.store.commit(target.lock, Lock(header=book.header(target, core), pins=own))


def _pin(name: str, version: str) -> Pin:
    hashes = (f"sha256:{'0' * 58}{len(name):06}", f"sha256:{'1' * 58}{len(name):06}")
    return Pin(name=canonicalize_name(name), version=version, hashes=hashes)
