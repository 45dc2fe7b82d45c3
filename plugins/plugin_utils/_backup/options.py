# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The options that say where a backup lies, and the networks that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils._argspec import ArgumentSpec
from ...module_utils._problems import errors_of, fail, require_none
from .._networks.network import Network
from .._networks.preflight import NETWORKS
from .._networks.variables import Variables, read_network
from .bucket import Bucket
from .saving import Wanted
from .store import Folder, Store

PLACE: dict[str, Any] = {
    'folder': {'type': 'path'},
    'bucket': {'type': 'str'},
    'prefix': {'type': 'str', 'default': ''},
    'endpoint_url': {'type': 'str'},
    'region': {'type': 'str'},
    'profile': {'type': 'str'},
}
OF_WRITING: dict[str, Any] = {
    'encryption': {'type': 'str', 'choices': ['bucket', 'AES256', 'aws:kms'], 'default': 'bucket'},
    'kms_key': {'type': 'str'},
    'lock_mode': {'type': 'str', 'choices': ['GOVERNANCE', 'COMPLIANCE'], 'default': 'GOVERNANCE'},
    'lock_days': {'type': 'int'},
}


def spec_of(options: Mapping[str, Any]) -> ArgumentSpec:
    """Options beside those that say where the backup lies."""
    one = [('folder', 'bucket')]
    return ArgumentSpec({**PLACE, **options}, mutually_exclusive=one, required_one_of=one)


def store_of(options: Mapping[str, Any], *, write: bool) -> Store:
    """The place that the options name. write: whether a folder may be made."""
    if options['folder']:
        return Folder(options['folder'], make=write)
    unset: dict[str, Any] = {'encryption': 'bucket', 'kms_key': None, 'lock_mode': None, 'lock_days': None}
    return Bucket({**unset, **options})


def networks_of(variables: Mapping[str, Variables]) -> list[Network]:
    """The networks of these hosts. Raises Failure with all that is wrong with their variables."""
    read = [read_network(name, found) for name, found in variables.items()]
    require_none(dict.fromkeys(problem for _network, wrong in read for problem in errors_of(wrong)))
    if not read:
        raise fail('There is no network in the play.', where='group %s' % NETWORKS, expected='a host for each network',
                   remedy='Play with hosts of the group %s.' % NETWORKS)
    return [network for network, _wrong in read]


def wanted_of(network: Network) -> list[Wanted]:
    """The files to keep of a network that NixOps deploys: no other has any."""
    forgets = bool(network['nixops_forget_state'])
    state = Wanted(network.name, network.project, network.state_name, network.function, network.effect_deployment, optional=forgets)
    hosts = Wanted(network.name, network.project, network.known_hosts_name, network.function, '', hosts=True, optional=True)
    return [state, hosts]
