# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Where secrets.json is: the agent's own folder by platform and name, or the file of `hci effect run` for one account."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from .._project import ProjectPath


@dataclass(frozen=True)
class Place:
    """A file or folder and whom it belongs to. user: its owner if the option `owner` does not say, None: as it is. mode: of files."""

    path: str
    user: str | None
    mode: int

    def file(self, name: str) -> Place:
        """A file in this folder."""
        return Place(os.path.join(self.path, name), self.user, self.mode)


def agent_folder(agent_name: str | None, system: str | None = None) -> Place:
    """The folder of static secrets that the NixOS and nix-darwin modules of the agent set up, and the agent's user.

    system: as `platform.system()` says, which is the default.
    """
    suffix = '-' + agent_name if agent_name else ''
    linux_user = 'hci' + suffix if suffix else 'hercules-ci-agent'
    user = '_hercules-ci-agent' if (system or platform.system()) == 'Darwin' else linux_user
    return Place('/var/lib/hercules-ci-agent%s/secrets' % suffix, user, 0o400)


def secrets_file(path: str | None, agent_name: str | None, project: str | None) -> Place:
    """The secrets.json that at most one of the three names.

    path: the file. agent_name: an agent beside the unnamed one. project: its account's file for `hci effect run`, as hci finds it.
    """
    if path:
        return Place(path, None, 0o400)
    if project:
        return Place(secrets_of_account(ProjectPath.parse(project), os.environ), None, 0o600)
    return agent_folder(agent_name).file('secrets.json')


def secrets_of_account(project: ProjectPath, environment: Mapping[str, str]) -> str:
    """The file of `hci effect run` for a project's account."""
    return os.path.join(folder_of_hci(environment), 'secrets', project.site, project.account, 'secrets.json')


def folder_of_hci(environment: Mapping[str, str]) -> str:
    """Where hci keeps its files."""
    base = environment.get('XDG_CONFIG_HOME') or os.path.join(environment.get('HOME') or os.path.expanduser('~'), '.config')
    return os.path.join(base, 'hercules-ci')
