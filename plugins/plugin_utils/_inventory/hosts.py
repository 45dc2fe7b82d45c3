# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The machines in a NixOps state as inventory hosts: plain dictionaries that hold what is listed here, and so no secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import IO, Any

from ...module_utils._files import hidden_file
from ...module_utils._hercules_ci.client import connect, find_base_url
from ...module_utils._hercules_ci.state import StateFiles
from ...module_utils._nixops.database import Deployment, default_database, find_deployment
from ...module_utils._nixops.machines import Machine, is_machine, machine, may_be_machine
from ...module_utils._nixops.sources import from_database, from_file, from_server, require_export
from ...module_utils._nixops.state import State
from ...module_utils._problems import fail
from ...module_utils._project import ProjectPath

SOURCE_OPTIONS = ('deployment', 'database', 'export_file', 'project', 'name', 'version')

HOST = re.compile(r'(?!-)[\w.:%@-]+')
USER = re.compile(r'(?!-)[\w.@+-]+\$?')
"""What may stand in a command line of ssh: no options, blanks or quotes. In known_hosts, no patterns either."""


def source_of(options: Mapping[str, Any]) -> list[Any]:
    """What tells one source of hosts from another, where the environment has a say as well as the options."""
    place = find_base_url(options['api_base_url'], os.environ) if options['project'] else default_database()
    return [place, *(options[name] for name in SOURCE_OPTIONS)]


def read_hosts(options: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The variables of each machine that the network still has, in the order of the state; and what may be machines, too, in words.

    Raises Failure when there is no state.
    """
    deployments: list[Deployment] = []
    found: list[Machine] = []
    unknown: list[tuple[str, str]] = []
    with hidden_file() as file:
        state = _read_state(options, file)
        for entry in state.entries():
            if entry.resource is None:
                deployments.append(Deployment(entry.deployment, entry.attributes.get('name')))
            elif is_machine(entry.attributes):
                found.append(machine(entry.deployment, entry.resource, entry.attributes))
            elif may_be_machine(entry.attributes) and entry.attributes.get('obsolete') != '1':
                unknown.append((entry.deployment, '%s (%s)' % (entry.resource, entry.attributes['type'])))
    if options['deployment']:
        deployments = [find_deployment(deployments, options['deployment'], state.where)]
    if not deployments:
        raise fail('There is no deployment in the state.', where=state.where, remedy='Check that this is the state of your network')
    names = {each.uuid: each.name for each in deployments}
    hosts = [host_variables(each, names[each.deployment]) for each in found if each.deployment in names and not each.obsolete]
    return hosts, [resource for deployment, resource in unknown if deployment in names]


def _read_state(options: Mapping[str, Any], file: IO[bytes]) -> State:
    given = [name for name in ('database', 'export_file', 'project') if options[name]]
    if len(given) > 1:
        raise fail('There can only be one source.', where=', '.join(given), expected='one of them', remedy='Write a file for each source')
    if options['project']:
        return _from_hercules_ci(options, file)
    of_hercules_ci = [name for name in ('name', 'version') if options[name] is not None]
    if of_hercules_ci:
        raise fail('Only a state file on Hercules CI has these.', where=', '.join(of_hercules_ci), remedy='Set project, or drop them')
    if options['export_file']:
        state = from_file(options['export_file'], file)
        require_export(state)
        return state
    return from_database(options['database'] or default_database(), options['deployment'] or None, '2.x', file)


def _from_hercules_ci(options: Mapping[str, Any], file: IO[bytes]) -> State:
    if not options['name'] and not options['deployment']:
        raise fail('The project can have several state files, and none of them is named.', where=options['project'],
                   remedy='Set deployment or name')
    files = StateFiles(connect(options), ProjectPath.parse(options['project']))
    name = options['name'] or 'nixops-%s.json' % options['deployment']
    return from_server(files, name, files.version(name, options['version']), file)


def host_variables(found: Machine, deployment: str | None) -> dict[str, Any]:
    """The variables of a host. deployment: the name of its deployment. Raises Failure for an address or user that ssh must not see."""
    connection = {
        'ansible_host': _checked(HOST, found.target_host, found, 'an address'),
        'ansible_port': found.target_port,
        'ansible_user': _checked(USER, found.target_user, found, 'a user'),
    }
    facts = {
        'name': found.name,
        'type': found.type,
        'state': found.state,
        'region': found.region,
        'public_ipv4': found.public_ipv4,
        'private_ipv4': found.private_ipv4,
        'public_ipv6': found.public_ipv6,
        'dns_name': found.dns_name,
        'known_hosts': known_hosts_line(found),
        'private_key_file': found.private_key_file,
        'container_host': found.container_host,
        'deployment': deployment,
        'deployment_uuid': found.deployment,
    }
    return {
        **{name: value for name, value in connection.items() if value},
        'nixops_machine': {name: value or None for name, value in facts.items()},
    }


def known_hosts_line(found: Machine) -> str:
    """The machine's line in a file of known hosts, with all its addresses; empty if its key is not recorded."""
    key = found.host_key.split()[:2]
    addresses = [address for address in found.addresses if HOST.fullmatch(address)]
    if len(key) < 2 or not addresses:
        return ''
    form = '%s' if found.target_port == 22 else '[%%s]:%d' % found.target_port
    return '%s %s' % (','.join(form % address for address in addresses), ' '.join(key))


def _checked(pattern: re.Pattern[str], text: str, found: Machine, what: str) -> str:
    if text and not pattern.fullmatch(text):
        raise fail(
            'A machine has %s that would be dangerous or useless in a command.' % what,
            where='machine %s of deployment %s' % (found.name, found.deployment),
            found=repr(text),
            remedy='Correct deployment.targetHost or deployment.targetUser in the network. If nobody wrote it there, find out who did',
        )
    return text
