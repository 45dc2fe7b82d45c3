# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lookup in a secret may cost a login or a second factor: it is asked once for each agent that a run provides, and shown nowhere."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.world import SECRETS, Played, World

ASKED = "{{ lookup('ansible.builtin.pipe', 'echo ' ~ inventory_hostname ~ ' %s >> %s; %s') }}"
CACHE = {'kind': 'CachixCache', 'publicKeys': ['c-1:x']}
PARTS = ('field', 'whole', 'token', 'cache')


@pytest.fixture
def asking(world: World) -> World:
    """The guide's world, in which a field, all data of a secret, a condition, the token and a part of the caches are asked for."""
    def asked(what: str) -> str:
        return ASKED % (what, world.folder / 'asked', 'cat %s' % (world.folder / what))

    for part in PARTS:
        (world.folder / part).write_text('canary-%s' % part)
    (world.folder / 'condition').write_text('yes')
    (world.folder / 'whole').write_text(json.dumps({'privateKey': 'canary-whole', 'publicKey': 'canary-whole'}))
    world.inventory['hercules_agents']['vars'].update(
        aws_fields={**SECRETS['neat-aws']['data'], 'aws_secret_access_key': asked('field')},
        nixops_agent_secrets={
            'neat-aws': {'data': '{{ aws_fields }}', 'condition': asked('condition').replace(' }}', ' | bool }}')},
            'neat-ssh': {'data': asked('whole').replace(') }}', ') | from_json }}')},
        },
        nixops_agent_cluster_join_token=asked('token'),
        nixops_agent_binary_caches={'c': {**CACHE, 'authToken': asked('cache')}},
    )
    return world


def asked_of(world: World) -> Counter[str]:
    file = world.folder / 'asked'
    found = Counter(file.read_text().splitlines()) if file.exists() else Counter()
    file.unlink(missing_ok=True)
    return found


def stored(world: World, agent: str) -> dict[str, str]:
    """What is in the three files of an agent, of what was asked for."""
    folder: Path = world.agent_secrets(agent).parent
    secrets = json.loads((folder / 'secrets.json').read_text())
    return {
        'field': secrets['neat-aws']['data']['aws_secret_access_key'], 'whole': secrets['neat-ssh']['data']['privateKey'],
        'token': (folder / 'cluster-join-token.key').read_text().strip(),
        'cache': json.loads((folder / 'binary-caches.json').read_text())['c']['authToken'],
    }


def provide(world: World, *arguments: str) -> Played:
    played = world.play('--tags', 'preflight,agents', *arguments)
    assert 'canary' not in played.output.lower()
    return played


def test_it_is_asked_once(asking: World) -> None:
    played = provide(asking, '-v')
    assert played.code == 0, played.output
    assert asked_of(asking) == Counter('%s %s' % (agent, part) for agent in ('agent-1', 'agent-2') for part in (*PARTS, 'condition'))
    assert [stored(asking, agent) for agent in ('agent-1', 'agent-2')] == [{part: 'canary-%s' % part for part in PARTS}] * 2
    limited = provide(asking, '--limit', 'agent-1,nixops_networks')
    assert (limited.code, limited.changes) == (0, {}), limited.output
    assert asked_of(asking) == Counter('agent-1 %s' % part for part in (*PARTS, 'condition'))


def test_what_is_wrong_with_the_answer_is_found_before_it_is_written(asking: World) -> None:
    fields = asking.inventory['hercules_agents']['vars']['aws_fields']
    fields['aws_secret_access_key'] = "{{ lookup('ansible.builtin.pipe', 'echo') }}"
    empty = provide(asking)
    assert empty.code == 2
    assert 'writeAWSSecret needs the field aws_secret_access_key of the secret neat-aws, which is empty.' in empty.output
    fields['aws_secret_access_key'] = "{{ lookup('ansible.builtin.pipe', 'false') }}"
    failed = provide(asking)
    assert failed.code == 2
    assert "['neat-aws']['data']['aws_secret_access_key']" in failed.output and 'Ansible cannot evaluate the variable' in failed.output
    assert not asking.agent_secrets('agent-1').exists()
    (asking.folder / 'all').write_text(json.dumps({'neat-ssh': {'data': {'privateKey': 'canary', 'publicKey': 'canary'}}}))
    variables = asking.inventory['hercules_agents']['vars']
    secrets = variables['nixops_agent_secrets']
    variables['nixops_agent_secrets'] = "{{ lookup('ansible.builtin.pipe', 'cat %s') | from_json }}" % (asking.folder / 'all')
    lacking = asking.play()
    assert lacking.code == 2 and 'The agent does not get the secret neat-aws' in lacking.output
    assert 'PLAY [Deploy' not in lacking.output and not asking.agent_secrets('agent-1').exists()
    variables['nixops_agent_secrets'] = secrets
    fields['aws_secret_access_key'] = "{{ lookup('ansible.builtin.env', 'NOT_SET_ANYWHERE') }}"
    beforehand = provide(asking)
    assert 'which is empty' in beforehand.output and 'PLAY [Provision agents]' not in beforehand.output
