# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The variables of networks and agents in the inventory, checked against the role's argument specs by way of jsonschema."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar, Union

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_bool, check_type_int
from ansible.parsing.dataloader import DataLoader

from ...module_utils._nix.functions import nixops_of
from ...module_utils._nix.parameters import STATE_NAME
from ...module_utils._problems import Failure, Problem
from ...module_utils._project import ProjectPath
from .. import _templates as templates
from .._json_schema import KINDS, OTHER_KIND, Schema
from .._variables import HostVariables, as_json
from .host import NEAR, Host, variable_of
from .network import Network
from .specs import PREFIX, options_of

HostKind = TypeVar('HostKind', bound=Host)
RENAMED = {'nixops_nixops_deployment': 'nixops_effect_deployment'}
"""Variables by the names that they once had."""
TYPES: Mapping[str, Mapping[str, Any]] = {
    'str': {'type': 'string'}, 'path': {'type': 'string', 'title': 'a path'}, 'dict': {'type': 'object'}, 'list': {'type': 'array'},
    'raw': {}, 'bool': {'type': 'boolean'}, 'int': {'type': 'integer'},
}


def schema_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema for a dictionary of options as argument specs describe them."""
    return {
        'type': 'object',
        'required': [name for name, option in options.items() if option.get('required')],
        'properties': {name: _schema_of_option(option) for name, option in options.items()},
    }


def _schema_of_option(option: Mapping[str, Any]) -> dict[str, Any]:
    """title: what messages expect, where the type does not tell."""
    if 'choices' in option:
        return {'enum': option['choices']}
    schema = dict(TYPES[option['type']])
    if 'elements' in option:
        schema['items'] = {**TYPES[option['elements']], 'title': 'a list of %s' % option['elements']}
    if option.get('required') and option['type'] == 'list':
        schema.update(minItems=1, title='a list that is not empty')
    if 'options' in option and option['type'] == 'dict':
        schema = {**schema_of(option['options']), 'additionalProperties': False}
    return schema


Variables = Union[Mapping[str, Any], Problem]
"""Those of a host, or why Ansible cannot read them."""


def unreadable(host: str, error: AnsibleError) -> Problem:
    """Of a host of which Ansible cannot read the variables at all, as when one of their files cannot be decrypted."""
    return Problem('Ansible cannot read the variables of the host.', where='host %s' % host, found=templates.reason(error),
                   remedy='Correct its files in host_vars and group_vars, or let Ansible have the password that they are encrypted with '
                   '(--vault-id). What it needs is unknown, whatever --limit selects. ansible-inventory --host %s says more.' % host)


def variables_of(host: str, hostvars: Any, loader: DataLoader, kind: type[HostVariables] = HostVariables) -> Variables:
    """Those of a host, or why there are none: what is wrong with one host must not hide what is wrong with others."""
    try:
        return kind(host, hostvars, loader)
    except AnsibleError as error:
        return unreadable(host, error)


def read_network(name: str, variables: Variables) -> tuple[Network, list[Problem]]:
    """A host of the group nixops_networks, with what is wrong with its variables."""
    return _read(Network, name, variables, 'main')


def without_others(networks: Sequence[Network], variables: Mapping[str, Variables]) -> list[Network]:
    """The networks without what their function does not take and another network, whose function takes it, has just so.

    A group of several functions sets it for that one. What only this network has is most likely a slip, and stays to be told.
    """
    options = options_of('main')

    def raw(network: Network) -> Mapping[str, Any]:
        """As they are written, templates and all."""
        found = variables[network.name]
        return found.raw if isinstance(found, HostVariables) else {} if isinstance(found, Problem) else found

    def is_shared(variable: str, network: Network) -> bool:
        return any(raw(network)[variable] == raw(other).get(variable) for other in networks if variable in other.taken)

    found = []
    for network in networks:
        foreign = {variable for variable in network.foreign if is_shared(variable, network)}
        defaults = {variable: options[variable]['default'] for variable in foreign if 'default' in options[variable]}
        found.append(replace(
            network, given={name: value for name, value in network.given.items() if name not in foreign}, wrong=network.wrong - foreign,
            values={**{name: value for name, value in network.values.items() if name not in foreign}, **defaults}))
    return found


def read_agent(name: str, variables: Variables) -> tuple[Host, list[Problem]]:
    """A host of the group hercules_agents, with what is wrong with its variables."""
    return _read(Host, name, variables, 'agent')


OF_PLAYBOOKS = ('nixops_backup_', 'nixops_restore_', 'nixops_pins_', 'nixops_adopt_')
"""How the variables begin that other playbooks than those of the role take."""


def _read(kind: type[HostKind], name: str, variables: Variables, entry_point: str) -> tuple[HostKind, list[Problem]]:
    options = options_of(entry_point)
    if isinstance(variables, Problem):
        return kind(name, {}, {}, frozenset(options)), [variables]
    known = set(options)
    given: dict[str, Any] = {}
    values: dict[str, Any] = {variable: option['default'] for variable, option in options.items() if 'default' in option}
    problems: dict[str, list[Problem]] = {}
    for variable in (variable for variable in variables if variable in known):
        try:
            value = variable_of(variables, variable)
            if value is not None:
                given[variable] = value
                values[variable] = _converted(as_json(value, variable), options[variable])
        except Failure as failure:
            problems[variable] = list(failure.problems)
        except AnsibleError as error:
            problems[variable] = places_at_fault(name, variable, variables) or [not_evaluated(name, variable, error)]
    host = Host(name, given, values)
    for variable, problem in (*_missing(host, options, problems), *_wrong_values(host, entry_point), *_no_project(host), *_no_names(host)):
        problems.setdefault(variable, []).append(problem)
    unknown = [variable for variable in variables if variable.startswith(PREFIX) and not variable.startswith(OF_PLAYBOOKS)]
    unknown = [variable for variable in unknown if variable not in known]
    alike: dict[str, Any] = dict.fromkeys(unknown)
    for variable in unknown:
        with suppress(AnsibleError):  # nobody reads it
            alike[variable] = variables[variable]
    found = [problem for of_variable in problems.values() for problem in of_variable]
    if isinstance(variables, HostVariables):
        found += [problem for variable in given
                  for problem in templates.comments(name, variable, variables.raw[variable], variables.raw)]
    return kind(name, given, values, frozenset(problems)), [*found, *_slips(Host(name, alike, {}), known)]


def not_evaluated(name: str, variable: str, error: AnsibleError) -> Problem:
    """Of a variable that has no value."""
    return Problem('Ansible cannot evaluate the variable.', where='%s of %s' % (variable, name), found=templates.reason(error),
                   remedy=templates.CORRECT)


def places_at_fault(name: str, variable: str, variables: Mapping[str, Any]) -> list[Problem]:
    """The places in a variable that Ansible cannot evaluate, where they can be told apart."""
    return list(templates.not_evaluated(name, variable, variables)) if isinstance(variables, HostVariables) else []


def _missing(host: Host, options: Mapping[str, Any], wrong: Container[str]) -> Iterator[tuple[str, Problem]]:
    required = {name for name, option in options.items() if option.get('required') and name not in wrong}
    if 'nixops_deployment' in options and 'nixops_deployment' not in wrong and nixops_of(host['nixops_function']):
        required.add('nixops_deployment')
    for name in sorted(required - host.given.keys()):
        # Where it is the function that needs it, and somebody has written which one that is, that is the place to look at.
        where = host.place(name) if name == 'nixops_deployment' and NEAR in host.given else 'host %s' % host.name
        yield name, Problem('%s is missing.' % name, where=where, expected=_words(options[name]['description']),
                            remedy='Set it in the inventory, for the host or a group of it.')


@cache
def _schema(entry_point: str) -> Schema:
    """Of all hosts: what is required and not there is another problem."""
    return Schema({**schema_of(options_of(entry_point)), 'required': []})


def _wrong_values(host: Host, entry_point: str) -> Iterator[tuple[str, Problem]]:
    """What the schema does not allow, in words that hold no value of a variable."""
    for finding in _schema(entry_point).findings(dict(host.values)):
        variable, *path = finding.path
        where, expected = host.line(variable, *path), finding.expected
        if finding.what != OTHER_KIND:
            yield variable, Problem(finding.what, where=where, expected=expected, remedy='Correct its name.')
            continue
        found = _found(finding.found, shown=expected in SHOWN or expected.startswith('one of '))
        in_quotes = expected in ('a string', 'a path', 'a list of str') and found in (_kind(True), _kind(1))
        remedy = 'Put the value in quotes.' if in_quotes else 'Correct the variable; %s describes it.' % DOCUMENTATION
        yield variable, Problem('This is not what the variable takes.', where=where, expected=expected, found=found, remedy=remedy)


def _no_project(host: Host) -> Iterator[tuple[str, Problem]]:
    """A name of a project that Hercules CI could not have."""
    name = host['nixops_project']
    if isinstance(name, str):
        try:
            ProjectPath.parse(name)
        except Failure as failure:
            yield 'nixops_project', replace(failure.problems[0], where=host.line('nixops_project'))


def _no_names(host: Host) -> Iterator[tuple[str, Problem]]:
    """Names that no state file could have: an effect puts them into an address as they are, and with an empty one a state is lost."""
    for variable in ('nixops_state_name', 'nixops_known_hosts_name'):
        name = host[variable]
        if isinstance(name, str) and not STATE_NAME.match(name):
            yield variable, Problem('This cannot be the name of a state file.', where=host.line(variable), found=repr(name),
                                    expected='letters, digits, full stops, hyphens and underscores',
                                    remedy='Correct the name, or drop the variable.')
    name = host['nixops_state_name']
    if isinstance(name, str) and name.endswith('.known_hosts'):  # what is called so is not looked into for machines of a deployment
        yield 'nixops_state_name', Problem('This is a name for known hosts.', where=host.line('nixops_state_name'), found=repr(name),
                                           expected='a name for a state, such as nixops-NAME.json', remedy='Correct the name.')


def _converted(value: Any, option: Mapping[str, Any]) -> Any:
    """What a task would get for the option: paths with a tilde or a variable, and of text, true or false and whole numbers.

    What a module would refuse stays as it is.
    """
    if option['type'] == 'path':
        return os.path.expandvars(os.path.expanduser(value)) if isinstance(value, str) else value
    if option['type'] == 'dict' and isinstance(value, dict) and option.get('options'):
        parts: Mapping[str, Any] = option['options']
        return {key: _converted(part, parts[key]) if key in parts and part is not None else part for key, part in value.items()}
    try:
        return CONVERSIONS[option['type']](value)
    except (KeyError, TypeError, ValueError):
        return value


def _int(value: Any) -> Any:
    return value if isinstance(value, bool) else check_type_int(value)


CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {'bool': check_type_bool, 'int': _int}
"""Those of Ansible's modules, so that whatever they take is right: yes, Y, 1, t, "12"."""


def _slips(host: Host, known: set[str]) -> Iterator[Problem]:
    """Unknown names that look like a known one: a variable that nobody reads is most likely a slip."""
    for variable in host.given:
        alike = [RENAMED[variable]] if variable in RENAMED else difflib.get_close_matches(variable, known, 1, 0.85)
        if alike:
            yield Problem('No such variable is known.', where=host.line(variable), remedy='Write %s, or drop it.' % alike[0])


def _found(value: Any, shown: bool) -> str:
    """What was given. Its text only where it is shown, as it could be no more than a slip."""
    if shown and isinstance(value, (str, bool, int, float)):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text if len(text) <= LONGEST else '%s…' % text[:LONGEST]
    return _kind(value)


SHOWN = (KINDS['boolean'], KINDS['integer'])
"""What is expected where the text that is there instead is no secret. Nor is it among choices."""
DOCUMENTATION = 'ansible-doc -t role nixcd.hercules_ci.nixops'
LONGEST = 40
"""Letters of what was given, in a message."""


def _kind(value: Any) -> str:
    names = ((bool, 'true or false'), (int, 'a number'), (float, 'a number'), (str, 'a string'), (list, 'a list'), (dict, 'a dictionary'))
    kind = next((name for kind, name in names if isinstance(value, kind)), 'nothing')
    return kind.replace('a ', 'an empty ', 1) if value in ([], {}) else kind


def _words(description: Any) -> str:
    """The first sentence of a description."""
    return without_marks(description if isinstance(description, str) else description[0]).split('. ')[0].rstrip('.')


def without_marks(text: str) -> str:
    """A description without the marks of Ansible's documentation, such as C(…) and `main:…`."""
    return re.sub(r'\b(?:[BCEIMOPV]|RV)\((?:[a-z]+:|[\w.]+#\w+:)?([^()]*)\)', r'\1', text)
