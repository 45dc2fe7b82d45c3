# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a YAML document of the documentation is, and whether it is a good one of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.options import EFFECT
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import problems_in
from jinja2 import Environment

from tests.support.surroundings import ROOT
from tests.unit.documentation.plugins import (
    COLLECTION,
    ROLE,
    documented,
    of_module,
    optional,
    require,
    require_variables,
)
from tests.unit.documentation.text import NoTemplate, read

PLAY = {
    'name', 'hosts', 'gather_facts', 'tasks', 'roles', 'vars', 'module_defaults', 'connection', 'strategy', 'tags', 'become', 'environment',
}
TASK = {
    'name', 'register', 'vars', 'when', 'loop', 'loop_control', 'throttle', 'run_once', 'delegate_to', 'no_log', 'become', 'become_user',
    'environment', 'check_mode', 'diff', 'ignore_errors', 'failed_when', 'changed_when', 'until', 'retries', 'delay', 'tags', 'async',
    'poll', 'module_defaults', 'notify',
}
CREDENTIAL_FIELD = {'id', 'type', 'label', 'secret', 'help_text', 'multiline', 'choices', 'default'}
PLAYBOOKS = {path.stem for path in (ROOT / 'playbooks').glob('*.yml')}


def require_templates(value: Any) -> None:
    """All templates in it are Jinja's."""
    if isinstance(value, dict):
        for item in value.values():
            require_templates(item)
    elif isinstance(value, list):
        for item in value:
            require_templates(item)
    elif isinstance(value, str) and not isinstance(value, NoTemplate):
        Environment(extensions=['jinja2.ext.do', 'jinja2.ext.loopcontrols']).parse(value)


def require_task(task: dict[str, Any]) -> None:
    """It has a name, one module, and options that the module takes."""
    if 'block' in task:
        for inner in (*task['block'], *task.get('rescue', []), *task.get('always', [])):
            require_task(inner)
        return
    modules = set(task) - TASK
    assert len(modules) == 1, 'of these, one should be the module: %s' % sorted(modules)
    (module,) = modules
    assert task.get('name'), 'the task of %s has no name' % module
    if module in ('ansible.builtin.include_role', 'ansible.builtin.import_role'):
        assert task[module]['name'] == '%s.nixops' % COLLECTION
        assert task[module].get('tasks_from', 'main') in ROLE
        require_variables(task.get('vars', {}))
        return
    found = of_module(module)
    if found is not None and isinstance(task[module], dict):
        require(task[module], found.options, found.rules)


def require_play(play: dict[str, Any]) -> None:
    """A play, or a playbook that is imported."""
    if 'ansible.builtin.import_playbook' in play:
        name = play['ansible.builtin.import_playbook']
        assert name.startswith(COLLECTION + '.') and name.rsplit('.', 1)[1] in PLAYBOOKS, name
        require_variables(play.get('vars', {}))
        return
    assert set(play) <= PLAY, sorted(set(play) - PLAY)
    require_variables(play.get('vars', {}))
    for task in play.get('tasks', []):
        require_task(task)
    for role in play.get('roles', []):
        assert role['role'] == '%s.nixops' % COLLECTION
    for group, options in play.get('module_defaults', {}).items():
        if group.startswith('group/'):
            assert group == 'group/%s.hercules_ci' % COLLECTION
            require(options, optional(documented('modules', 'hci_job').options))
        else:
            found = of_module(group)
            assert found is not None
            require(options, optional(found.options))


def hosts_of(text: str, folder: Any) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Host, groups and variables as Ansible itself reads them."""
    path = ROOT / 'examples' / 'fleet' / 'inventory' / 'hosts.yml'  # the README shows it; what is common to its hosts lies beside it
    if path.read_text() != text:
        path = folder / 'hosts.yml'
        path.write_text(text)
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(path)])
    variables = VariableManager(loader=loader, inventory=inventory)
    for host in inventory.get_hosts():
        values = variables.get_vars(host=host, include_hostvars=False)
        yield host.name, [group.name for group in host.get_groups()], values


def require_inventory(text: str, folder: Any) -> None:
    """Hosts in the groups that the playbooks know; networks with what a network needs."""
    found = list(hosts_of(text, folder))
    assert found, 'there is no host'
    for _name, groups, values in found:
        assert {'hercules_agents', 'nixops_networks'} & set(groups), groups
        require_templates({name: value for name, value in values.items() if name.startswith('nixops_')})
        require_variables(values)
        if 'nixops_networks' in groups:
            missing = [name for name, option in ROLE['main']['options'].items() if option.get('required') and name not in values]
            assert missing == []


def require_condition(document: dict[str, Any]) -> None:
    """A condition of a secret."""
    assert list(problems_in(document['condition'])) == []


def require_requirements(document: dict[str, Any]) -> None:
    """A requirements.yml of ansible-galaxy."""
    for collection in document['collections']:
        assert set(collection) <= {'name', 'version', 'source', 'type'}
        assert collection['name'] == COLLECTION or collection.get('type') in ('git', 'url', 'file')


def require_execution_environment(document: dict[str, Any]) -> None:
    """What the gate execution-environment gives ansible-builder, but for where the collection comes from."""
    tested = yaml.safe_load((ROOT / 'tests' / 'ee' / 'execution-environment.yml').read_text())
    for key in set(document) - {'dependencies'}:
        assert tested[key] == document[key], key
    for key in set(document['dependencies']) - {'galaxy'}:
        assert tested['dependencies'][key] == document['dependencies'][key], key


def require_credential_type(document: dict[str, Any]) -> None:
    """An input or injector configuration of AWX: each field is injected, and required ones are there."""
    if 'fields' in document:
        names = {field['id'] for field in document['fields']}
        assert set(document.get('required', [])) <= names
        assert all(set(field) <= CREDENTIAL_FIELD for field in document['fields'])
    else:
        assert document['env'] == {'HERCULES_CI_API_TOKEN': '{{ token }}'}


def _starts(prefix: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(prefix)


def require_mapping(document: dict[str, Any], text: str, folder: Any) -> None:
    """What it is is told from its keys. One that is nothing of this is an error."""
    keys = set(document)
    plugin = documented('inventory', 'nixops').options
    if keys & {'hercules_agents', 'nixops_networks'}:
        require_inventory(text, folder)
    elif keys == {'condition'}:
        require_condition(document)
    elif keys == {'collections'}:
        require_requirements(document)
    elif 'dependencies' in keys and 'version' in keys:
        require_execution_environment(document)
    elif 'fields' in keys or keys == {'env'}:
        require_credential_type(document)
    elif all(name.startswith(('nixops_', 'ansible_', 'vault_')) for name in keys):
        require_variables(document)
    elif keys <= set(plugin):
        require(document, plugin if 'plugin' in keys else optional(plugin))
    elif keys <= set(EFFECT):
        require(document, optional(EFFECT))
    elif all(isinstance(value, dict) and all(map(_starts('nixops_'), value)) for value in document.values()):
        for value in document.values():
            require_variables(value)
    else:
        raise AssertionError('it is not known what this is: %s' % sorted(keys))


def require_yaml(text: str, folder: Any) -> None:
    """A text of YAML is good, whatever it is."""
    found = read(text)
    assert found, 'there is nothing in it'
    for document in found:
        require_templates(document)
        if isinstance(document, dict):
            require_mapping(document, text, folder)
        else:
            for entry in document:
                if {'hosts', 'ansible.builtin.import_playbook'} & set(entry):
                    require_play(entry)
                else:
                    require_task(entry)
