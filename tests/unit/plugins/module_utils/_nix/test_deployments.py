# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an effect is, from what Nix says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import (
    BuiltMachine,
    BuiltNetwork,
    EvaluatedEffect,
    Resource,
    evaluated,
)


def effect(script: str = '', **attributes: Any) -> EvaluatedEffect:
    """An effect of runNixOps, by way of a result of a module."""
    known = {'stateName': 'x.json', 'knownHostsName': 'x.known_hosts', 'NIXOPS_DEPLOYMENT': 'x', **attributes}
    found = {'job': 'default', 'name': 'x', 'path': 'x.run', 'runs': True, 'attributes': known, 'secrets': {},
             'scripts': {'effectScript': script}}
    return EvaluatedEffect.from_dict(json.loads(json.dumps(evaluated('refs/heads/main', found).as_dict())))


@pytest.mark.parametrize(('arguments', 'destroys'), [
    ('', False), ('--allow-reboot', False), ('--kill-obsolete', True), ("--allow-reboot '--kill-obsolete'", True), ('-k', True),
    ('--kill', True), ("'-k' --check", True), ('--keep-going', False), ('-K', False), ('--include k', False), ('--include x-k', False),
])
def test_whether_nixops_destroys_what_is_obsolete(arguments: str, destroys: bool) -> None:
    assert effect('nixops deploy --confirm %s\n' % arguments).destroys is destroys


@pytest.mark.parametrize(('arguments', 'include', 'exclude'), [
    ('', (), ()), ('--include a b --allow-reboot', ('a', 'b'), ()), ("--exclude 'a' --include=b", ('b',), ('a',)),
    ('--inc a --ex b c', ('a',), ('b', 'c')), ('--include a --include b', ('b',), ()), ('--force-reboot a', (), ()),
    ("--include 'a", (), ()), ('\\\n  --include a \\\n b', ('a', 'b'), ()), ('--include a; nixops check --exclude b', ('a',), ()),
    ('-k a', (), ()), ('--confirm --include', (), ()),
])
def test_what_nixops_is_told_to_deal_with_alone_or_to_leave_out(arguments: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    told = effect('nixops --version\nnixops deploy --confirm %s\nnixops check --include x\n' % arguments)
    assert (told.include, told.exclude) == (include, exclude)


@pytest.mark.parametrize(('value', 'files'), [([], ()), (['a.nix', 'b.nix'], ('a.nix', 'b.nix')), ('a.nix b.nix', ('a.nix', 'b.nix'))])
def test_files_that_are_not_prebuilt(value: Any, files: tuple[str, ...]) -> None:
    assert effect(deployOnlyNetworkFiles=value).deploy_only == files
    assert effect().deploy_only == ()


@pytest.mark.parametrize('takes', [None, (), ('size', 'region')])
@pytest.mark.parametrize('known', [True, False])
def test_a_network_is_the_same_by_way_of_a_result(known: bool, takes: tuple[str, ...] | None) -> None:
    machines = {'web': BuiltMachine('ec2', '/nix/store/x-nixos', ''), 'db': BuiltMachine(None, None, None)}
    network = BuiltNetwork(machines, {'key': Resource('ec2-keypair', ''), 'disk': Resource('ebs', None)}, known, takes)
    assert BuiltNetwork.from_dict(json.loads(json.dumps(network.as_dict()))) == network


def test_of_the_id_of_an_access_key_a_result_shows_the_end() -> None:
    key = 'AKIACANARY00000WXYZ'
    network = BuiltNetwork({'web': BuiltMachine('ec2', None, key)}, {'k': Resource('ec2-keypair', key)}).as_dict()
    again = BuiltNetwork.from_dict(network)
    assert 'CANARY' not in str(network)
    assert [str(each.access_key)[-4:] for each in (again.machines['web'], again.resources['k'])] == ['WXYZ', 'WXYZ']
