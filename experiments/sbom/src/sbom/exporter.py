"""The exporter ``cyclonedx``: CycloneDX 1.6 in JSON, the same bytes for the same environment.

Source: the CycloneDX specification 1.6 (ECMA-424), the package URL specification with its type ``pypi``, and the
convention of ``SOURCE_DATE_EPOCH`` for reproducible builds.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from fumehood.errors import UsageError
from sbom.graph import dependencies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.extensions import EnvironmentView, ViewedPackage, ViewedProject
    from sbom.graph import Graph

_NIL = UUID(int=0)
_EPOCH = "SOURCE_DATE_EPOCH"
_ALGORITHMS = {
    "md5": HashAlgorithm.MD5,
    "sha1": HashAlgorithm.SHA_1,
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}


def export(view: EnvironmentView, /) -> str:
    """The bill of materials of an environment.

    There is a timestamp only where ``SOURCE_DATE_EPOCH`` gives one. The serial number is made from the content, so it
    changes exactly when something in the environment does.

    Raises:
        UsageError: ``SOURCE_DATE_EPOCH`` is no number of seconds.
    """
    graph = dependencies(view)
    content: dict[str, Any] = json.loads(JsonV1Dot6(_bom(view, graph)).output_as_string())
    # The library writes the present time and a serial number of its own, whatever it is asked for.
    del content["metadata"]["timestamp"], content["serialNumber"]
    # It also gives every component an entry in the graph, which by the specification says that it depends on
    # nothing; one of which nothing is known has to be left out.
    known = {f"package:{name}" for name in graph} | {content["metadata"]["component"]["bom-ref"]}
    content["dependencies"] = [entry for entry in content["dependencies"] if entry["ref"] in known]
    serial = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    content["serialNumber"] = f"urn:uuid:{serial}"
    if (moment := _timestamp(os.environ)) is not None:
        content["metadata"]["timestamp"] = moment
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _bom(view: EnvironmentView, graph: Graph) -> Bom:
    packages = {package.name: _package(package) for package in view.packages}
    projects = [_project(project) for project in view.projects]
    root = Component(name=view.name, type=ComponentType.APPLICATION, bom_ref=f"environment:{view.name}")
    direct = [packages[name] for name in sorted(map(_bare, view.direct)) if name in packages]
    edges = [(root, [*direct, *projects])]
    edges += [
        (packages[name], [packages[wanted] for wanted in sorted(needed)]) for name, needed in sorted(graph.items())
    ]
    return Bom(
        serial_number=_NIL,
        components=[*packages.values(), *projects],
        metadata=BomMetaData(
            component=root, properties=[Property(name="fumehood:interpreter", value=view.interpreter)]
        ),
        dependencies=[
            Dependency(ref=source.bom_ref, dependencies=[Dependency(ref=target.bom_ref) for target in targets])
            for source, targets in edges
        ],
    )


def _bare(requirement: str) -> str:
    return canonicalize_name(requirement.partition("[")[0])


def _package(package: ViewedPackage) -> Component:
    properties = [Property(name="fumehood:origin", value=package.origin)]
    if package.requires is None:
        properties.append(Property(name="fumehood:dependencies", value="unknown: the environment is not built"))
    if package.url:
        properties.append(Property(name="fumehood:source", value=package.url))
    return Component(
        name=package.name,
        version=package.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=f"package:{package.name}",
        purl=_purl(package),
        hashes=[_hash(digest) for digest in package.hashes],
        properties=properties,
    )


def _purl(package: ViewedPackage) -> PackageURL | None:
    """Where everybody can get it; None for a folder or file of this repository."""
    if not package.url:
        return PackageURL(type="pypi", name=package.name, version=package.version)
    if "://" not in package.url or package.url.startswith("file:"):
        return None
    kind = "vcs_url" if package.url.partition("://")[0].startswith(("git", "hg", "bzr", "svn")) else "download_url"
    return PackageURL(type="pypi", name=package.name, qualifiers={kind: package.url})


def _hash(digest: str) -> HashType:
    algorithm, _, content = digest.partition(":")
    return HashType(alg=_ALGORITHMS[algorithm], content=content)


def _project(project: ViewedProject) -> Component:
    return Component(
        name=project.name,
        version=project.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"project:{project.name}",
        properties=[Property(name="fumehood:origin", value="source")],
    )


def _timestamp(environ: Mapping[str, str]) -> str | None:
    seconds = environ.get(_EPOCH, "")
    if not seconds:
        return None
    try:
        moment = datetime.fromtimestamp(int(seconds), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{_EPOCH} is {seconds!r}, which is no number of seconds since 1970",
            remedy=f"unset it, or set it as in `{_EPOCH}=$(git log -1 --format=%ct)`",
        ) from error
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
