# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The state files of projects, each asked for and downloaded once, and the deployments that are in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from ...module_utils._files import create_private, hidden_file
from ...module_utils._hercules_ci.client import Client, Downloaded
from ...module_utils._hercules_ci.state import StateFiles, Version
from ...module_utils._nixops.database import Deployment
from ...module_utils._nixops.elsewhere import LARGEST, Newest, Place, same_deployment_elsewhere, to_look_into
from ...module_utils._nixops.importable import Content, content_of, names
from ...module_utils._nixops.sources import from_server, read_source
from ...module_utils._problems import Failure, Problem
from ...module_utils._project import ProjectPath
from .network import Network

Versions = Mapping[str, Sequence[Version]]
"""By state file, oldest first."""


class CachedFiles(StateFiles):
    """The state files of a project as they are at one moment. folder: a private one, for what was downloaded."""

    def __init__(self, client: Client, project: ProjectPath, folder: str) -> None:
        super().__init__(client, project)
        self._folder = folder
        self._versions_of: dict[str, tuple[Version, ...]] | None = None
        self._downloaded: dict[tuple[str, int], tuple[str, Downloaded]] = {}

    def files(self) -> dict[str, tuple[Version, ...]]:
        """The versions of each file, oldest first."""
        if self._versions_of is None:
            self._versions_of = super().files()
        return self._versions_of

    def download(self, name: str, version: Version, target: IO[bytes]) -> Downloaded:
        key = (name, version.number)
        if key not in self._downloaded:
            path = os.path.join(self._folder, '%s-%d' % (str(self.project).replace('/', '_'), len(self._downloaded)))
            with create_private(path) as copy:
                self._downloaded[key] = (path, super().download(name, version, copy))
        path, downloaded = self._downloaded[key]
        target.seek(0)
        target.truncate()
        with open(path, 'rb') as copy:
            shutil.copyfileobj(copy, target)
        return downloaded


@dataclass(frozen=True)
class Held:
    """What a version of a state file holds. sha256: None where it is not known. replaced: whether somebody has uploaded another since."""

    version: Version
    content: Content
    sha256: str | None
    replaced: bool


def held_by(files: StateFiles) -> dict[Place, list[Held]]:
    """The states in a project's files that nothing has gone on with, newest first; what is no state, or is too large, is left out."""
    found: dict[Place, list[Held]] = {}
    for name, versions in sorted(files.files().items()):
        if name.endswith('.known_hosts'):
            continue
        for version in to_look_into(versions):
            if version.size == 0 or (version.size or 0) > LARGEST:
                continue
            with suppress(Failure), hidden_file() as copy:
                state = from_server(files, name, version, copy)
                held = Held(version, content_of(state), state.sha256, version is not versions[-1])
                found.setdefault((str(files.project), name), []).append(held)
    return found


@dataclass(frozen=True)
class Coming:
    """A state that is going to be uploaded: its deployment, and the SHA-256 of what is uploaded."""

    deployment: Deployment
    sha256: str


def other_states(networks: Iterable[Network], coming: Mapping[str, Coming], held: Mapping[Place, Sequence[Held]]) -> Iterator[Problem]:
    """Networks whose deployment has another state somewhere, which knows of machines that theirs may not know of.

    networks: those whose variables about states are sound. coming: by network. held: of all projects of the inventory.
    """
    for network in networks:
        own = (network.project, network.state_name)
        newest = next((each for each in held.get(own, ()) if not each.replaced), None)
        if newest is None and network.name in coming:
            upload = coming[network.name]
            yield from same_deployment_elsewhere(_with(upload.deployment.uuid, own, held), own, upload.deployment.uuid, upload.sha256)
        elif newest is not None and newest.content.deployments:
            uuid = newest.content.deployments[0].uuid
            yield from same_deployment_elsewhere(_with(uuid, own, held), own, uuid, None)
        elif network.state == 'new':
            yield from _not_new(network, held)


def _with(uuid: str, own: Place, held: Mapping[Place, Sequence[Held]]) -> dict[Place, Newest]:
    """By state file, the newest version that has a deployment; of the network's own file the newest there is."""
    found = {}
    for place, versions in held.items():
        for each in versions:
            deployments = tuple(deployment.uuid for deployment in each.content.deployments)
            if uuid in deployments and not (place == own and each.replaced):
                found[place] = Newest(deployments, each.version.created, each.sha256, each.version.number)
                break
    return found


def _not_new(network: Network, held: Mapping[Place, Sequence[Held]]) -> Iterator[Problem]:
    """A deployment that is said to have no machines yet, and is known to have some."""
    what = 'The network has machines already, and nixops_state: new would make them a second time.'
    remedy = 'Set nixops_state: upload where NixOps knows them from its database, or present with the name of the state that has them.'
    back = (' Where an older version of a file has them, make that the newest first, with the playbook nixcd.hercules_ci.rollback. Where '
            'they were destroyed on purpose, upload the state of the deployment without them to that file.')
    for (project, name), versions in held.items():
        for each in versions:
            known = [deployment for deployment in each.content.deployments if any(names(deployment, called) for called in network.called)]
            if known and each.content.machines:
                found = '%s in %s of %s%s' % (known[0], name, project, ', %s' % each.version if each.replaced else '')
                yield Problem(what, network.place('nixops_state'), found=found, remedy=remedy + (back if each.replaced else ''))
            if known:
                break


def known_here(network: Network, source: Mapping[str, object]) -> Iterator[Problem]:
    """The same, where NixOps on this machine knows machines of it. Without a database there is nothing to know."""
    for name in sorted(network.called):
        with hidden_file() as file:
            try:
                found = read_source({**source, 'deployment': name, 'effect_deployment': None, 'import_check': False}, file)
            except Failure as failure:
                several = [Deployment(**each) for each in failure.extra.get('candidates', ())]
                # None for a source that cannot be read, or has no such deployment.
                found_as = [each for each in several if names(each, name)]
                where = failure.problems[0].where
            else:
                found_as, where = [found.deployment] if found.machines else [], found.state.where
        if found_as:
            yield Problem(
                'NixOps on this machine knows machines of the network, and nixops_state: new would make them a second time.',
                network.place('nixops_state'), found='%s in %s' % ('; '.join(map(str, found_as)), where),
                remedy='Set nixops_state: upload, or nixops_database to another file if this is another network of the same name.')
            return
