# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: nixops
short_description: The machines of NixOps networks as hosts
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Makes hosts of the machines in a NixOps state, which is a database of NixOps, an export, or a state file on Hercules CI.
    NixOps itself is not needed.
  - The inventory file is YAML and its name ends in C(nixops.yml) or C(nixops.yaml).
  - Machines that the network does not have any longer are left out. Those that are not there yet are hosts, too, without an address.
    A resource of a type that is not known here is a host when NixOps has recorded of it what it records of machines only; others of
    such types are named in a warning.
  - A machine is refused that has the name of a group, as C(all), of C(localhost), or of a machine in another state, and so is a group
    with the name of a host. Ansible would take the one for the other.
  - C(ansible_host), C(ansible_port) and C(ansible_user) are set to what NixOps itself uses.
  - All else is in the dictionary C(nixops_machine), so that nothing is in the way of variables of the role. It has the keys C(name);
    C(type), such as V(ec2); C(state), one of V(Unknown), V(Missing), V(Starting), V(Up), V(Stopping), V(Stopped), V(Unreachable) and
    V(Rescue), as NixOps last saw it; C(region); C(public_ipv4); C(private_ipv4); C(public_ipv6); C(dns_name); C(known_hosts), a line for a
    file of known hosts with all addresses and the public key; C(private_key_file), where NixOps was told to log in with a key that lies in
    a file; C(container_host), the machine or address on which a machine of the type V(container) runs; C(deployment), the name; and
    C(deployment_uuid). What is not recorded is V(null).
  - Only these values leave the state, also to a cache. Private keys never do.
  - An option that this plugin does not have is an error, as is an expression that fails for a machine with O(strict=true). A file that
    cannot be used gives no hosts at all.
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
  - nixcd.hercules_ci._connection
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [nixcd.hercules_ci.nixops]
  deployment:
    description:
      - Only the machines of this deployment, given by its name, its UUID or the beginning of its UUID.
      - If not set, those of all deployments.
    type: str
  database:
    description:
      - NixOps' database. It may be in use and is never changed. A relative path counts from the folder in which Ansible is run.
      - If neither O(export_file) nor O(project) is set either, the file that NixOps would use, which is that in E(NIXOPS_STATE) or
        E(CHARON_STATE), and else C(~/.nixops/deployments.nixops).
    type: path
  export_file:
    description: A file with the output of C(nixops export), of one deployment or of all.
    type: path
  project:
    description:
      - The project on Hercules CI, as C(SITE/ACCOUNT/PROJECT), for example V(github/neat-org/neat-repo), that has the state.
      - Needs O(deployment) or O(name). Credentials are those of the machine that runs Ansible.
    type: str
  name:
    description: With O(project), the name of the state file. If not set, C(nixops-DEPLOYMENT.json).
    type: str
  version:
    description: With O(project), the number of a version of the state file. If not set, the newest.
    type: int
  hostname:
    description:
      - A Jinja expression, without braces, for the name of each host. If not set, the name of the machine.
      - Use it where machines of several deployments have the same name, also when these deployments have inventory files of their own,
        and where a machine has the name of a group.
    type: str
seealso:
  - module: nixcd.hercules_ci.nixops_state
  - ref: ansible_collections.nixcd.hercules_ci.docsite.guide_inventory
    description: How to use the machines of a network.
notes:
  - Inventories are read before any play, so C(environment) of a play does not hold for this plugin. What it needs of proxies,
    E(HERCULES_CI_API_TOKEN) and E(HERCULES_CI_API_BASE_URL) has to be in the environment of C(ansible-playbook) itself.
  - NixOps reaches machines of the type V(container) through the machine that they run on. The last example does the same.
"""

EXAMPLES = r"""
---
# nixops.yml: all machines in the database of whoever runs Ansible
plugin: nixcd.hercules_ci.nixops

---
# production.nixops.yml: what Hercules CI has deployed, downloaded at most every ten minutes
plugin: nixcd.hercules_ci.nixops
project: github/neat-org/neat-repo
deployment: foo
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible-inventory
cache_timeout: 600

---
# fleet.nixops.yml: several deployments, groups such as region_eu_central_1, and private addresses where there are some
plugin: nixcd.hercules_ci.nixops
database: /srv/nixops/deployments.nixops
hostname: nixops_machine.name ~ '.' ~ nixops_machine.deployment
compose:
  ansible_host: nixops_machine.private_ipv4 or ansible_host
groups:
  running: nixops_machine.state == 'Up'
keyed_groups:
  - key: nixops_machine.region
    prefix: region
    default_value: none
  - key: nixops_machine.deployment
    prefix: deployment

---
# keys.nixops.yml: log in as NixOps does, where it uses a key in a file, and to containers through the machine that they run on
plugin: nixcd.hercules_ci.nixops
compose:
  ansible_ssh_private_key_file: nixops_machine.private_key_file
  ansible_ssh_common_args: "'-o ProxyJump=root@' ~ nixops_machine.container_host if nixops_machine.container_host else ''"
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._argspec import CONNECTION_OPTIONS
from ..module_utils._problems import Failure, Problem, fail, listed, require_none
from ..plugin_utils._inventory.hosts import SOURCE_OPTIONS, read_hosts, source_of

CACHED_FORM = 3
"""To be counted up when what is cached changes, so that no older cache is used."""
RENAME = "Set deployment, or hostname to an expression such as nixops_machine.name ~ '.' ~ nixops_machine.deployment"
LOCALHOST = ('localhost', '127.0.0.1', '::1')


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = 'nixcd.hercules_ci.nixops'

    def verify_file(self, path: str) -> bool:
        return path.endswith(('nixops.yml', 'nixops.yaml')) and super().verify_file(path)

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._path = path
        config = self._read_config_data(path)
        try:
            self._refuse_unknown(config, path)
            hosts, unknown = self._cached_hosts(path, cache)
            if not hosts:
                self.display.warning('%s: the state has no machines.' % path)
            if unknown:
                self.display.warning('%s: no hosts are made of %s. These types are not known here, and nothing is recorded that only '
                                     'machines have.' % (path, listed(unknown)))
            named = self._named(hosts, path)
            self._require_free(named, inventory, path)
            self._add_hosts(inventory, named)
        except Failure as failure:
            raise AnsibleParserError(str(failure)) from None

    def _refuse_unknown(self, config: Mapping[str, Any], path: str) -> None:
        """Ansible itself passes over options that there are not: a slip in deployment would make hosts of all deployments."""
        options = self.get_options()
        for name in sorted(config.keys() - options.keys()):
            alike = difflib.get_close_matches(name, options, 1)
            raise fail('There is no option %s.' % name, where=path, remedy='Write %s' % alike[0] if alike else 'Correct it, or drop it')

    def _cached_hosts(self, path: str, may_be_old: bool) -> tuple[list[dict[str, Any]], list[str]]:
        """What read_hosts returns, from the cache if it has that. may_be_old: false when Ansible was told to refresh."""
        options = {name: self.get_option(name) for name in (*SOURCE_OPTIONS, *CONNECTION_OPTIONS)}
        if not self.get_option('cache'):
            return read_hosts(options)
        source = json.dumps([CACHED_FORM, *source_of(options)])
        key = '%s_%s' % (self.get_cache_key(path), hashlib.sha256(source.encode()).hexdigest()[:16])
        found: list[Any] | None = self._cache.get(key) if may_be_old else None
        if found is None:
            self._cache[key] = found = list(read_hosts(options))
        return found[0], found[1]

    def _named(self, hosts: list[dict[str, Any]], path: str) -> dict[str, dict[str, Any]]:
        """The variables by the name of the host."""
        named: dict[str, dict[str, Any]] = {}
        for host in hosts:
            variables = wrap_var(host)  # whoever can write to the state must not be able to have templates evaluated here
            name = self._host_name(variables, path)
            if name in named:
                raise fail(
                    'Two machines would be the same host.',
                    where='%s, host %s' % (path, name),
                    found=' and '.join(
                        '%(name)s of deployment %(deployment_uuid)s' % each['nixops_machine'] for each in (named[name], variables)
                    ),
                    remedy=RENAME,
                )
            named[name] = variables
        return named

    def _host_name(self, variables: dict[str, Any], path: str) -> str:
        expression, machine = self.get_option('hostname'), variables['nixops_machine']
        if not expression:
            return str(machine['name'])
        try:
            name = self._compose(expression, variables)
            found = '' if name else 'nothing'
        except AnsibleError as error:
            found = str(error).strip().splitlines()[0]
        if found:
            raise fail(
                'The expression in hostname gives no name for a machine.',
                where='%s, machine %s of deployment %s' % (path, machine['name'], machine['deployment_uuid']),
                expected='a text that is not empty',
                found=found,
                remedy='Correct hostname; ansible-doc -t inventory nixcd.hercules_ci.nixops tells what it can use',
            )
        return str(name)

    def _require_free(self, named: Mapping[str, dict[str, Any]], inventory: InventoryData, path: str) -> None:
        """Refuse names that mean something else already: Ansible would give the variables of the one to the other."""
        problems = []
        for name, variables in named.items():
            known = inventory.hosts[name].vars.get('nixops_machine') if name in inventory.hosts else None
            machine, taken = variables['nixops_machine'], ''
            if name in inventory.groups:
                taken = 'a group of that name'
            elif name in LOCALHOST:
                taken = 'the name of the machine that Ansible runs on'
            elif known and any(known[part] != machine[part] for part in ('name', 'deployment_uuid')):
                taken = '%(name)s of deployment %(deployment_uuid)s' % known
            if taken:
                problems.append(Problem('A machine would have the name of something else.', where='%s, host %s' % (path, name), found=taken,
                                        remedy=RENAME))
        require_none(problems)

    def _sanitize_group_name(self, name: str) -> str:
        """Ansible asks for the name of each group that it makes of hosts here: none may be a host's."""
        group = str(super()._sanitize_group_name(name))
        if self.inventory and group in self.inventory.hosts:
            raise fail('A group would have the name of a host.', where='%s, group %s' % (self._path, group), found='a host of that name',
                       remedy='Give the group a prefix (keyed_groups), or another name (groups)')
        return group

    def _add_hosts(self, inventory: InventoryData, named: Mapping[str, dict[str, Any]]) -> None:
        """All hosts, or where an expression fails for one of them, none."""
        hosts, groups = set(inventory.hosts), set(inventory.groups)
        try:
            for name in named:
                inventory.add_host(name)
            for name, variables in named.items():
                self._add_host(inventory, name, variables)
        except (AnsibleError, Failure):
            for name in (inventory.hosts.keys() & named.keys()) - hosts:
                inventory.remove_host(inventory.hosts[name])
            for name in inventory.groups.keys() - groups:
                inventory.remove_group(inventory.groups[name])
                inventory.groups.pop(name, None)  # before ansible-core 2.19, only its hosts have left it
            raise

    def _add_host(self, inventory: InventoryData, name: str, variables: dict[str, Any]) -> None:
        for variable, value in variables.items():
            inventory.set_variable(name, variable, value)
        strict = self.get_option('strict')
        self._set_composite_vars(self.get_option('compose'), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option('groups'), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option('keyed_groups'), variables, name, strict=strict)
