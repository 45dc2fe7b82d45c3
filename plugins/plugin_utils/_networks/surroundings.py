# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What a run needs beside the inventory: Nix and a place for the report here, and on agents a user who may write."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ...module_utils._nix import evaluation
from ...module_utils._problems import Failure, Problem
from ...module_utils._secrets.places import secrets_file
from .host import Host
from .network import Network
from .projects import Project


def nix_problems(project: Project) -> Iterator[Problem]:
    """No Nix where the file is to be evaluated."""
    if not project.first.sound('nixops_validate') or project.first['nixops_validate'] == 'none':
        return
    try:
        evaluation.find()
    except Failure as failure:
        remedy = 'Install it (Debian, Ubuntu: apt install nix-bin; others: https://nixos.org/download).'
        where = project.first.place('nixops_validate')
        yield from (replace(problem, where=where, found='no %s' % evaluation.PROGRAM, remedy=remedy) for problem in failure.problems)


def report_problems(networks: Iterable[Network]) -> Iterator[Problem]:
    """A page that could not be written at the end."""
    for network in networks:
        if not network.sound('nixops_report') or not network['nixops_report']:
            continue
        path = Path(os.path.expandvars(os.path.expanduser(str(network['nixops_report']))))
        folder, where = path.resolve().parent, network.line('nixops_report')
        if not folder.is_dir():
            yield Problem('The folder of the report does not exist.', where, found=str(folder), remedy='Create it, or correct the path.')
        elif path.is_dir():
            yield Problem('The report cannot be written over a folder.', where, expected='a file', found=str(path),
                          remedy='Name a file in it.')
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield Problem('This user may not write the report.', where, found=str(folder),
                          remedy='Let %s write there, or name another place.' % getpass.getuser())


def login_problems(agent: Host, variables: Mapping[str, Any], *, become: bool) -> Iterator[Problem]:
    """An agent whose files the user who logs in may not write, as far as that can be known. become: whether the play becomes somebody."""
    if not agent.sound('nixops_agent_secrets_path', 'nixops_agent_name'):
        return
    try:
        if boolean(variables.get('ansible_become') or become, strict=False):
            return
        local = str(variables.get('ansible_connection') or 'ssh').rpartition('.')[2] == 'local'
        user = str(variables.get('ansible_user') or variables.get('ansible_ssh_user') or '')
    except AnsibleError:  # whoever connects says it better
        return
    place = secrets_file(agent['nixops_agent_secrets_path'], agent['nixops_agent_name'], None)
    folder = os.path.dirname(place.path)
    expected = 'a user who may write %s, or become' % folder
    remedy = 'Set ansible_become: true for agents, or give --become.'
    if local:
        existing = [each for each in (Path(folder), *Path(folder).parents) if each.exists() or each == Path('/')]
        if not os.access(existing[0], os.W_OK | os.X_OK):
            yield Problem("This user may not write the agent's files.", agent.place('nixops_agent_secrets_path'), expected=expected,
                          found='%s, and no become' % getpass.getuser(), remedy=remedy)
    elif user not in ('', 'root', place.user) and place.user:
        yield Problem("The user who logs in is not known to be allowed to write the agent's files.", agent.place('ansible_user'),
                      expected=expected, found='%s, and no become' % user, remedy=remedy, severity='warning')
