# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says of agents with keys, and of networks that use them; how it is acted upon is tested with the action aws_key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.declared import Owner
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.iam import NewKey
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.unasked import UNKNOWN
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._rotation.fleet import FILE, Fleet

from tests.support.as_written import HostVars, as_written

OWNER = Owner('neat-deployer', 'neat-aws', timedelta(days=90), timedelta(days=1), agents=('agent-1', 'agent-2'))
OWNED = {'aws_user': 'neat-deployer'}
NETWORK = {'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': '/nowhere', 'nixops_branches': ['main'],
           'nixops_deployment': 'neat', 'nixops_secrets_map': {'aws': 'neat-aws'}}


class Unreadable(HostVars):
    """What is no dictionary is a host whose variables Ansible cannot read."""

    def __getitem__(self, host: str) -> Any:
        if not isinstance(super().__getitem__(host), dict):
            raise AnsibleError('canary: Decryption failed')
        return super().__getitem__(host)


def fleet(**hosts: Any) -> Fleet:
    """agent_1={…}: an inventory of agents and networks, with their variables as they are written."""
    written = {name.replace('_', '-'): as_written(variables) for name, variables in hosts.items()}
    groups = {'hercules_agents': [name for name in written if name.startswith('agent')],
              'nixops_networks': [name for name in written if not name.startswith('agent')]}
    return Fleet({'hostvars': Unreadable(written), 'groups': groups}, DataLoader())


@pytest.mark.parametrize('value', [None, '', [], 'text', {'neat-ssh': {'data': {}}}, {'neat-aws': {'aws_user': None}}])
def test_an_agent_may_have_no_key_that_is_looked_after(value: Any) -> None:
    """What is wrong with the variable in other ways is told by those who need it."""
    assert fleet(agent_1={'nixops_agent_secrets': value}, agent_2={}).owners() == []


def test_users_are_found_without_asking_for_values() -> None:
    secrets = {'neat-aws': {**OWNED, 'soak': None, 'data': {'region': "{{ lookup('nowhere', 'x') }}"}}}
    found = fleet(agent_1={'nixops_agent_secrets': secrets}, agent_2={'nixops_agent_secrets': '{{ shared }}', 'shared': secrets})
    assert found.owners() == [OWNER]
    assert found.owned('agent-1') == {'neat-aws': {**OWNED, 'data': {'region': UNKNOWN}}}


@pytest.mark.parametrize(('value', 'said'), [
    ('{{ nothing }}', ('Ansible cannot evaluate the variable. Where: nixops_agent_secrets of agent-1.', "'nothing' is undefined")),
    ({'neat-aws': {**OWNED, 'max_age': 'soon'}}, ("nixops_agent_secrets['neat-aws']['max_age']", 'a number of days')),
    ({'neat-aws': {**OWNED, 'data': {'aws_access_key_id': 'canary'}}}, ("nixops_agent_secrets['neat-aws']['data']['aws_access_key_id']",)),
])
def test_what_cannot_be_understood_is_a_problem(value: Any, said: tuple[str, ...]) -> None:
    with pytest.raises(Failure) as refused:
        fleet(agent_1={'nixops_agent_secrets': value}).owners()
    assert all(text in str(refused.value) for text in said) and 'canary' not in str(refused.value), refused.value


@pytest.mark.parametrize(('registered', 'found'), [
    ({}, {}),
    ({'_nixops_secrets_provided': {'skipped': True}, '_nixops_aws_keys': 'odd'}, {}),
    ({'_nixops_secrets_provided': {'aws_keys': {'neat-aws': {'fingerprint': 'old'}}}}, {'agent-1': {'fingerprint': 'old'}}),
    ({'_nixops_secrets_provided': {'aws_keys': {}}, '_nixops_aws_keys': {'aws_keys': {'neat-aws': {'fingerprint': 'new'}}}},
     {'agent-1': {'fingerprint': 'new'}}),
    ({'_nixops_aws_keys': {'aws_keys': {'other': {'fingerprint': 'x'}}}}, {'agent-1': {}}),
])
def test_of_what_agents_have_answered_the_last_counts(registered: dict[str, Any], found: dict[str, Any]) -> None:
    """An agent that has answered and has no key is another thing than one that has not."""
    assert fleet(agent_1=registered, agent_2={'_nixops_aws_keys': {'unreachable': True}}).looks(OWNER) == found


def test_networks_are_those_that_use_the_secret() -> None:
    """What is wrong with a network matters if it uses the secret, and if it is something that is relied on."""
    found = fleet(
        neat=NETWORK, other={**NETWORK, 'nixops_secrets_map': {'aws': 'other'}, 'nixops_project': 'wrong'},
        without={**NETWORK, 'nixops_secrets_map': None}, careless={**NETWORK, 'nixops_prebuild': 'perhaps', 'nixops_no_such': 1},
    ).networks(OWNER)
    assert [network.name for network in found] == ['neat', 'careless']


@pytest.mark.parametrize(('changes', 'where'), [
    ({'nixops_project': 'wrong'}, 'nixops_project'),
    ({'nixops_state_name': '{{ nothing }}'}, 'nixops_state_name of odd'),
    ({'nixops_secrets_map': '{{ nothing }}'}, 'nixops_secrets_map of odd'),
    ({'nixops_secrets_map': ['neat-aws']}, 'nixops_secrets_map of odd'),
    ({'nixops_function': 'runNothing'}, 'nixops_function of odd'),
])
def test_a_network_of_which_nobody_knows_whether_it_uses_the_secret_is_a_problem(changes: dict[str, Any], where: str) -> None:
    """Else its old key would be switched off as if it were no longer needed there."""
    with pytest.raises(Failure, match=where):
        fleet(neat=NETWORK, odd={**NETWORK, **changes}).networks(OWNER)


def test_a_network_that_cannot_be_read_is_a_problem() -> None:
    with pytest.raises(Failure) as refused:
        fleet(neat=NETWORK, odd='vaulted').networks(OWNER)
    assert str(refused.value).startswith('Ansible cannot read the variables of the host. Where: host odd.')
    assert 'canary' not in str(refused.value)


def test_options_of_modules_are_those_that_the_agent_sets() -> None:
    """Null and omit unset what a group has set."""
    found = fleet(agent_1={'nixops_agent_secrets_path': '/var/{{ name }}', 'name': 'x', 'nixops_agent_secrets_owner': 'hercules',
                           'nixops_agent_secrets_group': None, 'nixops_agent_secrets_mode': '{{ omit }}', 'omit': '__omit_place_holder__x'})
    assert found.place('agent-1') == {'path': '/var/x'}
    assert found.place('agent-1', FILE) == {'path': '/var/x', 'owner': 'hercules'}
    assert fleet(agent_1={'nixops_agent_name': 'neat'}).place('agent-1') == {'agent_name': 'neat'}


@pytest.mark.parametrize(('own', 'condition'), [({}, 'isBranch'), ({'condition': {'isTag': 'v1'}}, 'isTag')])
def test_a_secret_with_its_new_key(own: dict[str, Any], condition: str) -> None:
    """As the task that provides agents would write it, but for the key, and no other secret."""
    secrets = {'neat-aws': {**OWNED, 'max_age': '30d', **own, 'data': {'region': '{{ region }}'}}, 'neat-ssh': {'data': {'key': 'canary'}}}
    found = fleet(agent_1={'nixops_agent_secrets': secrets, 'region': 'eu-west-1'}, neat=NETWORK, unreadable='vaulted')
    ((name, entry),) = found.entries('agent-1', [(OWNER, NewKey('AKIA', 'secret'))]).items()
    assert (name, entry['data']) == ('neat-aws', {'region': 'eu-west-1', 'aws_access_key_id': 'AKIA', 'aws_secret_access_key': 'secret'})
    assert entry.keys() == {'data', 'condition', 'kept'} and entry['kept'] == [] and condition in str(entry['condition'])


def test_a_secret_that_cannot_be_evaluated_names_the_place() -> None:
    found = fleet(agent_1={'nixops_agent_secrets': {'neat-aws': {**OWNED, 'data': {'region': '{{ nothing }}', 'x': 'canary'}}}})
    with pytest.raises(Failure, match=r"nixops_agent_secrets\['neat-aws'\]\['data'\]\['region'\]") as refused:
        found.entries('agent-1', [(OWNER, NewKey('AKIA', 'secret'))])
    assert 'canary' not in str(refused.value)
