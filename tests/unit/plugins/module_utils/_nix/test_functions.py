# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of functions says what the library says, and whatever is in it works everywhere."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest
import yaml
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import checks, ci_nix, functions, library
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.function import KINDS, Function, Parameter, Reading
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.options import effect_options
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import for_users
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.audit import KnownSecret, audit
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.conditions import least_privilege
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.destinations import destination_problems
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.guard import Declared, plan_branch, plan_text
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.last import Last
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.states import AgentHost
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import Outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_table

from tests.support.surroundings import FIXTURES, ROOT

# The names of arguments and options, asked of the library at its newest stored commit, af4331c.
LIBRARY: dict[str, list[str]] = json.loads(
    (FIXTURES / 'effects' / 'parameters.json').read_text(encoding='utf-8'))
HANDED_ON = library.OF_EFFECTS | library.OF_DERIVATIONS
PINS = {'nixpkgs': {'expression': 'x'}, 'effects': {'expression': 'y'}}


@pytest.mark.parametrize('name', sorted(set(functions.FUNCTIONS) - {'mkEffect'}))
def test_the_table_has_the_parameters_of_the_library(name: str) -> None:
    function = functions.FUNCTIONS[name]
    there = set(LIBRARY[name])
    if 'ssh' in there:
        there |= {'ssh.' + each for each in LIBRARY['ssh']} - {'ssh.buildOnDestination'}  # which has a parameter beside ssh
        there -= {'ssh'}
    here = set(function.by_attribute) | function.more
    # A module that sets an option itself refuses another value for it.
    assert there - here - function.replaced == set()
    # What the function does not name itself it hands on; a module can import others.
    handed_on = {*HANDED_ON, 'NIXOPS_DEPLOYMENT', 'NIX_PATH', 'makeAnException', 'name'}
    assert here - there <= ({'imports'} if function.strict else handed_on)


def test_no_function_of_the_library_is_missing() -> None:
    assert set(LIBRARY) - {'ssh'} | {'mkEffect'} == set(functions.FUNCTIONS)


def test_the_table_is_where_functions_are_named() -> None:
    """All else goes by what it says. Messages may name a function to somebody who has to choose one."""
    plugins = ROOT / 'plugins'
    logic = [path for folder in ('module_utils', 'plugin_utils', 'action', 'inventory') for path in (plugins / folder).rglob('*.py')]
    naming = {path.name for path in logic if 'runNixOps' in path.read_text(encoding='utf-8')}
    assert naming <= {'functions.py', 'causes.py', 'importable.py'}


def test_an_option_has_one_type_and_one_list_of_choices() -> None:
    seen: dict[str, tuple[str, tuple[str, ...]]] = {}
    for function in functions.FUNCTIONS.values():
        for parameter in function.parameters:
            kind = (KINDS[parameter.kind], parameter.choices)
            assert seen.setdefault(parameter.option, kind) == kind, (function.name, parameter.option)


def test_the_table_names_its_own_options() -> None:
    for function in functions.FUNCTIONS.values():
        named = {function.destination, *function.pushes_to, *(option for group in function.needs for option in group), *function.excludes,
                 *(option for others in function.excludes.values() for option in others)}
        named |= {option for each in function.reads for option in (each.name_option, each.field_option, each.key_option, each.unless)}
        assert named - {''} <= set(function.options), function.name


RUN_THING = Function(
    'runThing',
    (
        Parameter('thing_size', 'thing.size', 1, 'number'), Parameter('configuration', 'thing.configuration', None, 'module'),
        Parameter('ssh_destination', 'host'), Parameter('secret_name', 'secretName'), functions.SETUP, functions.SECRETS,
    ),
    strict=True, needs=(('configuration',),), destination='ssh_destination', reads=(Reading('thing', 'word', name_option='secret_name'),),
)
THING = {'name': 'web', 'function': 'runThing', 'run_on': {'branches': ['main']}, 'thing_size': 2, 'configuration': 'web.nix',
         'ssh_destination': 'root@web', 'secret_name': 'neat-thing', 'secrets_map': {'ssh': 'default-ssh'},
         'user_setup_script': 'writeSSHKey\necho web >>~/.ssh/known_hosts'}


@pytest.fixture
def thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(functions.FUNCTIONS, 'runThing', RUN_THING)


@pytest.mark.usefixtures('thing')
def test_one_entry_makes_a_new_function_one_that_is_rendered_and_checked() -> None:
    text = ci_nix.render([THING], 'legacy', 'ci.nix', chosen_pins=PINS)
    assert '''    runThing {
      thing.size = 2;
      thing.configuration = ./web.nix;
      host = "root@web";
      secretName = "neat-thing";
''' in text
    assert effect_options()['thing_size'] == {'type': 'int'}
    assert checks.effects_problems([THING], 'legacy') == []

    def found(**other: Any) -> str:
        return '\n'.join(map(str, checks.effects_problems([{**THING, **other}], 'legacy')))

    assert 'Where: effect web: configuration. Expected: configuration.' in found(configuration=None)
    assert 'Where: effect web: configuration. Expected: a path in it' in found(configuration='../web.nix')
    assert 'runThing has no parameter for this option. Where: effect web: network_files.' in found(network_files=['x.nix'])
    assert 'Nothing gives the effect a key to log in with.' in found(user_setup_script='true')
    assert 'runNixOps has no parameter for this option. Where: effect web: thing_size.' in found(function='runNixOps')


@pytest.mark.usefixtures('thing')
def test_one_entry_makes_a_new_function_one_whose_secrets_are_looked_after() -> None:
    variables = {'nixops_project': 'github/neat-org/neat-repo', 'nixops_branches': ['main'],
                 **{'nixops_' + option: value for option, value in THING.items() if option not in ('name', 'run_on')}}
    network = Network('web', variables, variables)
    assert network.secrets == {'thing': 'neat-thing', 'ssh': 'default-ssh'}
    assert network.state_name == '' and network.destination == 'root@web'
    condition = for_users(network.users())
    assert least_privilege([network]) == {'default-ssh': condition, 'neat-thing': condition}
    held = {'agent-1': {'neat-thing': KnownSecret(frozenset(('token',)), condition), 'default-ssh': KnownSecret(frozenset(), condition)}}
    said = '\n'.join(map(str, audit([network], held, {})))
    assert 'runThing needs the field word of the secret neat-thing, which has none. Where: nixops_function' in said
    assert 'writeSSHKey needs the field privateKey of the secret default-ssh, which has none. Where: nixops_user_setup_script' in said


@pytest.mark.usefixtures('thing')
def test_one_entry_makes_a_new_function_one_that_is_planned_and_reported() -> None:
    variables = {'nixops_project': 'github/neat-org/neat-repo', 'nixops_branches': ['main'],
                 **{'nixops_' + option: value for option, value in THING.items() if option not in ('name', 'run_on')}}
    network = Network('web', variables, variables)
    (refused,) = destination_problems(network, [AgentHost('agent-1', frozenset(('web',)), frozenset())])
    assert (refused.where, refused.found) == ('nixops_ssh_destination of web', 'web, which is the agent agent-1')
    built = {'system': '/nix/store/web', 'derivation': '/nix/store/2.drv'}
    effect = EvaluatedEffect('refs/heads/main', 'default', 'web', 'web.run', runs=True, **built)
    last = {'web': Last(3, prebuilt='/nix/store/1.drv')}
    planned = plan_branch('main', [effect], {'web': Declared.of(network.as_dict())}, lambda _name: nullcontext(), last=last)
    assert plan_text(planned, network.project, ['main'])[1:] == [
        '  web, without a state', '  Runs runThing at root@web: /nix/store/web. Changed: job 3 has deployed another one.']
    outcome = Outcome('web', network.project, 'main', 'deployed', 'a' * 40, job=4, plan=planned[0].as_dict()['short'])
    assert ['web', 'main', 'aaaaaaaa', '–', '#4', '+0', '~1', '-0', 'deployed'] in [
        line.split() for line, _tone in text_table([outcome], 79)]


def test_the_role_knows_which_functions_keep_a_state() -> None:
    """It goes back to an old version of one without preflight."""
    role = ROOT / 'roles' / 'nixops' / 'vars' / 'main.yml'
    assert yaml.safe_load(role.read_text(encoding='utf-8'))['_nixops_with_state'] == list(functions.with_nixops())


@pytest.mark.parametrize(('effect', 'expected'), [
    ({'function': 'runCachixDeploy'}, [('activate', 'default-cachix-activate', 'cachixActivateToken')]),
    ({'function': 'runCachixDeploy', 'secrets_map': {'activate': 'mine'}}, [('activate', 'mine', 'cachixActivateToken')]),
    ({'function': 'netlifyDeploy', 'secret_name': 'site', 'secret_field': 'word'}, [('netlify', 'site', 'word')]),
    ({'function': 'cargoPublish', 'secret_name': 'crates', 'secret_field': 'word'}, [('cargo', 'crates', 'token')]),
    ({'function': 'cargoPublish', 'dry_run': True}, []),
    ({'function': 'gitWriteBranch'}, [('token', {'type': 'GitToken'}, 'token')]),
    ({'function': 'gitWriteBranch', 'git_token_secret': 'git', 'secrets_map': {'git': 'mine'}}, [('git', 'mine', 'token')]),
    ({'function': 'flakeUpdate', 'token_secret': 'mine'}, [('token', 'mine', 'token')]),
    ({'function': 'flakeUpdate', 'arguments': {'tokenSecret': 'mine'}}, [('token', 'mine', 'token')]),
    ({}, []),
])
def test_secrets_that_functions_read_by_themselves(effect: dict[str, Any], expected: list[Any]) -> None:
    assert list(functions.read_by(functions.described(effect))) == expected
