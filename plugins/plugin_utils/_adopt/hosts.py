# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What the inventory says of a deployment: variables where something is known, and comments that ask where nothing is."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils._nix.functions import running
from ...module_utils._nix.parameters import STATE_NAME
from .._yaml_edits.changes import Noted, Question, literal
from .deployments import FoundNetwork


@dataclass(frozen=True)
class Setting:
    """What is the same for all: project, checkout and branches, None where nobody said. database: the one that NixOps takes by itself."""

    project: str | None = None
    checkout: str | None = None
    branches: Sequence[str] | None = None
    database: str = ''


def merged(found: Iterable[FoundNetwork]) -> list[FoundNetwork]:
    """One for each deployment: what Hercules CI has counts more than what is here, as a deployment there is newer."""
    by_uuid: dict[str, FoundNetwork] = {}
    for known in found:
        other = by_uuid.get(known.uuid)
        if other is None or (known.state_file and not other.state_file):
            by_uuid[known.uuid] = known
    return list(by_uuid.values())


def hosts_for(
    found: Sequence[FoundNetwork], setting: Setting, taken: Collection[str], all_found: Sequence[FoundNetwork],
) -> dict[str, dict[str, Any]]:
    """Variables by host. taken: names of hosts that there are. all_found: also what needs no host, as names have to be unique."""
    names = Counter(known.name for known in all_found)
    hosts: dict[str, dict[str, Any]] = {}
    for known in found:
        unique = known.name is not None and names[known.name] == 1 and STATE_NAME.match(known.name)
        called = str(known.name) if unique else known.uuid
        plain = re.sub(r'[^A-Za-z0-9_.-]+', '-', known.name or '').strip('-.') or 'network'
        name = plain if unique and plain not in taken else '%s-%s' % (plain, known.uuid)
        hosts[name] = literal(variables_of(known, called, setting))
    return hosts


def variables_of(known: FoundNetwork, called: str, setting: Setting) -> dict[str, Any]:
    """The variables of a host. called: what the deployment is called in there."""
    title = '%s, %d machines and other resources' % (known.uuid, known.machines)
    project = known.project or setting.project
    return {
        'nixops_deployment': Noted(called, (title,)),
        **({'nixops_project': project} if project else {
            'nixops_project': Question('Which project on Hercules CI deploys it?', 'nixops_project: github/OWNER/REPOSITORY'),
        }),
        **({'nixops_checkout': setting.checkout} if setting.checkout else {
            'nixops_checkout': Question('Where on this machine is a working tree of that project?', 'nixops_checkout: /srv/REPOSITORY'),
        }),
        **({'nixops_branches': list(setting.branches)} if setting.branches else {
            'nixops_branches': Question('Pushes to which branches deploy it?', 'nixops_branches: [production]'),
        }),
        **_function(known),
        **_files(known, setting),
        **_arguments(known),
        **state_of(known, called, setting),
    }


def _function(known: FoundNetwork) -> dict[str, Any]:
    if known.version == 1:
        return {'nixops_function': running(1)}
    return {
        'nixops_function': running(2),
        'nixops_nixops_plugins': Question('Which plugins does NixOps need?', 'nixops_nixops_plugins: [nixops-aws, nixops-hercules-ci]'),
    }


def _files(known: FoundNetwork, setting: Setting) -> dict[str, Any]:
    """Network files below the checkout. NixOps 2 deploys nixops.nix, whatever else there is."""
    if known.version == 2:
        return {'nixops_network_files': ['nixops.nix']}
    root = (setting.checkout or '').rstrip('/')
    below = [posixpath.relpath(file, root) if root and file.startswith(root + '/') else '' for file in known.files or ()]
    if below and all(below):
        return {'nixops_network_files': below}
    seen = 'NixOps had %s.' % ', '.join(known.files) if known.files else 'NixOps does not say.'
    return {'nixops_network_files': Question('Which files of the checkout are the network? ' + seen, 'nixops_network_files: [network.nix]')}


def _arguments(known: FoundNetwork) -> dict[str, Any]:
    """Their values may be secret, and are Nix code: people write them down."""
    if not known.arguments:
        return {}
    example = 'nixops_network_args: {%s}' % ', '.join('%s: …' % name for name in known.arguments)
    return {'nixops_network_args': Question('With which values of these arguments, which NixOps has been given?', example)}


def state_of(known: FoundNetwork, called: str, setting: Setting) -> dict[str, Any]:
    """Where its state comes from."""
    if known.state_file:
        own = known.state_file != 'nixops-%s.json' % called
        return {'nixops_state': 'present', **({'nixops_state_name': known.state_file} if own else {})}
    if known.export:
        if known.alone:
            return {'nixops_export_file': known.export}
        ask = 'Which file holds the export of this deployment alone? Print it with nixops export -d %s' % known.uuid
        return {'nixops_export_file': Question(ask, 'nixops_export_file: /PATH')}
    return {'nixops_database': known.database} if known.database != setting.database else {}


def questions(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """What the comments ask, by host and variable."""
    asked = {
        host: {name: value.question for name, value in variables.items() if isinstance(value, Question)}
        for host, variables in hosts.items()
    }
    return {host: found for host, found in asked.items() if found}
