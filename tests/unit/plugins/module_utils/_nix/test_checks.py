# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every trap that can be seen in the inventory alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.checks import declared_problems, effects_problems, schedules_problems
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.functions import EXCEPTION

EFFECT = {'name': 'x', 'run_on': {'branches': ['main']}}
TWO = {**EFFECT, 'function': 'runNixOps2', 'network_files': ['nixops.nix']}

LOGIN = "writeSSHKey\necho 'web ssh-ed25519 AAAA' >>~/.ssh/known_hosts"
NIXOS = {'function': 'runNixOS', 'ssh_destination': 'root@web', 'configuration': 'web.nix', 'user_setup_script': LOGIN,
         'secrets_map': {'ssh': 'default-ssh'}}
WRITE = {'function': 'gitWriteBranch', 'git_remote': 'https://example.com/x.git', 'forge_type': 'github', 'update_branch': 'pages',
         'contents': 'site'}


def words(effect: dict[str, Any], form: str = 'legacy') -> str:
    return '\n'.join(map(str, effects_problems([effect], form)))


@pytest.mark.parametrize('effect', [
    EFFECT,
    TWO,
    {**EFFECT, 'network_files': ['a/b-1.nix', './c.nix', 'd/../e+f.nix'], 'state_name': 'a.b_c-1.json'},
    {**EFFECT, 'secrets_map': {'aws': 'neat-aws', 'token': {'type': 'GitToken'}}},
    {**EFFECT, 'arguments': {'preEffect': 'true'}},
    {**TWO, 'network_files': None, 'flake': {'_nix': 'self'}},
    {**TWO, 'action': 'dry-run', 'arguments': {'makeAnException': EXCEPTION}},
    {**EFFECT, **NIXOS, 'arguments': {'effectScript': 'true'}},
    {**EFFECT, 'function': 'runNixOS', 'user_setup_script': LOGIN, 'secrets_map': {'ssh': 'x'}, 'arguments': {
        'ssh': {'destination': 'root@web'}, 'configuration': {'_path': './web.nix'}}},
    {**EFFECT, **WRITE, 'git_remote': None, 'forge_type': None, 'update_branch': None, 'arguments': {'git': {'_nix': 'git'}}},
])
def test_what_is_right(effect: dict[str, Any]) -> None:
    assert words(effect) == ''


@pytest.mark.parametrize(('effect', 'expected'), [
    ({'network_files': ['a b.nix']}, 'split or expand'),
    ({'prebuild_only_network_files': ['*.nix']}, 'split or expand'),
    ({'deploy_only_network_files': ['a\tb']}, 'split or expand'),
    ({'network_files': ['$(id)']}, 'split or expand'),
    ({'network_files': ['a\0b']}, 'split or expand'),
    ({'network_files': ['../network.nix']}, 'outside the source'),
    ({'network_files': ['a/../../network.nix']}, 'outside the source'),
    ({'network_files': ['/etc/network.nix']}, 'outside the source'),
    ({'src': '../other'}, 'outside the source'),
    ({'deployment': 'my network'}, "'nixops-my network.json'"),
    ({'deployment': 'ü'}, 'cannot stand in a URL'),
    ({'state_name': 'a/b.json'}, 'cannot stand in a URL'),
    ({'state_name': ''}, 'cannot stand in a URL'),
    ({'known_hosts_name': ''}, 'cannot stand in a URL'),
    ({'known_hosts_name': 'a?b'}, 'known_hosts_name'),
    ({'network_args': {'not an identifier': 1}}, 'No network function'),
    ({'network_args': {'with': 1}}, 'No network function'),
    ({'secrets_map': {'aws': 1}}, 'The agent refuses'),
    ({'secrets_map': {'aws': {'type': 'Other'}}}, 'The agent refuses'),
    ({'user_setup_script': 'writeAWSSecret neat-aws', 'secrets_map': {'aws': 'neat-aws'}}, 'Found: neat-aws. To do: Use the key'),
    ({'user_setup_script': 'writeAWSSecret'}, 'Found: aws. To do: Add it to secrets_map'),
    ({'effect_check_script': 'x=$(readSecretString db .password)', 'secrets_map': {'aws': 'neat-aws'}}, 'Found: db.'),
    ({'user_setup_script': 'writeGPGKey', 'secrets_map': {'gpg': 'x'}}, 'writeGPGKey needs gnupg. Where: effect x: user_setup_script.'),
    ({'user_setup_script': 'writeGPGKey', 'secrets_map': {'gpg': 'x'}, 'inputs': ['gnupg']}, None),
    ({'user_setup_script': 'writeSSHKey "$name"'}, None),
    ({'arguments': {'effectScript': 'true'}}, 'runNixOps overwrites this argument, so it would do nothing.'),
    ({'arguments': {'putStateScript': 'true'}}, 'overwrites'),
    ({'arguments': {'networkFiles': []}}, 'option of its own'),
    ({'action': 'destroy'}, 'no such action'),
    ({'forget_state': True}, 'runNixOps has no parameter'),
    ({'job': 'nightly'}, 'Jobs have names only in the form herculesCI.'),
    ({'run_on': None}, 'The effect would never run: it names no ref.'),
    ({'name': ''}, 'An effect has no name.'),
    *[({'name': name}, 'An attribute of this name means something else') for name in (
        'herculesCI', '_type', 'recurseForDerivations', '__functor')],
    ({'name': 'herculesci'}, None),
    ({'function': 'runNixOps; evil'}, 'no such function'),
    ({'function': 'import'}, None),
    ({'function': 'inherit'}, 'no such function'),
    ({'function': 'runNixOS', 'network_files': ['x.nix']}, 'runNixOS has no parameter'),
])
def test_traps_of_any_effect(effect: dict[str, Any], expected: str | None) -> None:
    found = words({**EFFECT, **effect})
    assert (expected in found) if expected else found == ''


@pytest.mark.parametrize(('effect', 'expected'), [
    ({'network_files': None}, 'runNixOps2 takes either network_files or flake. Where: effect x. Found: neither'),
    ({'flake': {'_nix': 'self'}}, 'runNixOps2 takes either network_files or flake. Where: effect x. Found: both'),
    ({'network_files': ['network.nix']}, 'deploys nixops.nix alone'),
    ({'network_files': ['nixops.nix', 'aws.nix']}, 'deploys nixops.nix alone'),
    ({'action': 'dry-run'}, 'corrupt the state'),
    ({'action': 'dry-run', 'arguments': {'makeAnException': 'please'}}, 'corrupt the state'),
    ({'network_args': {'a': 1}}, 'runNixOps2 has no parameter'),
])
def test_traps_of_nixops_2(effect: dict[str, Any], expected: str) -> None:
    assert expected in words({**TWO, **effect})


ENVIRONMENT = 'Put environment variables for the scripts of the effect into environment.'
SHELL = {**EFFECT, 'function': 'mkEffect'}


@pytest.mark.parametrize(('effect', 'expected'), [
    # Misspelt: the remedy is the option, or the parameter where there is no option for it.
    ({'arguments': {'secretMap': {'aws': 'x'}}}, 'runNixOps has no parameter secretMap, so it would do nothing.'
     ' Where: effect x: arguments.secretMap. To do: Did you mean secrets_map? ' + ENVIRONMENT),
    ({'arguments': {'deployOnlyNetworkFile': []}}, 'Did you mean deploy_only_network_files?'),
    ({'arguments': {'secrets_map': {}}}, 'Did you mean secrets_map?'),
    ({'arguments': {'preEfect': 'true'}}, 'Did you mean preEffect?'),
    ({**SHELL, 'arguments': {'userSetupscript': 'true'}}, 'Did you mean user_setup_script?'),
    # The other function's: never what the library ignores.
    ({'arguments': {'allowReboot': False}}, 'To do: Drop it: runNixOps always deploys with --allow-reboot and --allow-recreate.'),
    ({'arguments': {'allowReboots': False}}, 'Did you mean allowReboot? Drop it: runNixOps always deploys with --allow-reboot'),
    ({'allow_reboot': False}, 'no parameter for this option. Where: effect x: allow_reboot. To do: Drop it: runNixOps always'),
    ({'allow_recreate': False}, 'runNixOps always deploys with --allow-reboot and --allow-recreate'),
    ({'arguments': {'forgetState': True}}, 'runNixOps always keeps its state'),
    ({'forget_state': True}, 'runNixOps always keeps its state'),
    ({'extra_deploy_args': ['x']}, 'runNixOps passes no further arguments'),
    ({'arguments': {'configuration': {}}}, 'Drop it: it is a parameter of runNixOS, runNixDarwin.'),
    ({'nixops_plugins': ['nixops-aws']}, 'Plugins are for the NixOps that this module chooses for runNixOps2.'),
    ({**TWO, 'arguments': {'stateName': 'x'}}, 'Set network.storage.hercules-ci.stateName in nixops.nix'),
    ({**TWO, 'state_name': 'x'}, 'Set network.storage.hercules-ci.stateName in nixops.nix'),
    ({**TWO, 'arguments': {'knownHostsName': 'x'}}, 'keeps no known_hosts'),
    ({**TWO, 'network_args': {'a': 1}}, 'Use prebuild_network_args'),
    ({**TWO, 'deploy_only_network_files': ['x.nix']}, 'NixOps 2 deploys nixops.nix alone'),
    ({**TWO, 'nixops_package': {'_nix': 'x'}, 'nixops_plugins': ['nixops-aws']}, 'put the plugins into nixops_package'),
    # What the function sets itself.
    ({'function': 'runNixOS', 'arguments': {'inputs': []}}, 'runNixOS overwrites this argument'),
    ({'function': 'runNixOS', 'arguments': {'name': 'x'}}, 'runNixOS overwrites this argument'),
    ({'function': 'runCachixDeploy', 'arguments': {'userSetupScript': 'x'}}, 'runCachixDeploy overwrites this argument'),
    ({'function': 'netlifyDeploy', 'arguments': {'effectScript': 'x'}}, 'netlifyDeploy overwrites this argument'),
    # An option of this module that is a parameter of the function.
    ({'function': 'runNixOS', 'inputs': ['git']}, 'Drop it, or use a hook'),
    # No phase of an effect reads it.
    ({**SHELL, 'arguments': {'installPhase': 'x'}}, 'An effect has no phase that reads this argument'),
    ({**SHELL, 'arguments': {'installPhase': 'x', 'phases': 'installPhase'}}, None),
    # An environment variable is asked for as such.
    ({'arguments': {'AWS_PROFILE': 'x'}}, 'runNixOps has no parameter AWS_PROFILE, so it would do nothing.'
     ' Where: effect x: arguments.AWS_PROFILE. To do: ' + ENVIRONMENT),
    ({'environment': {'AWS_PROFILE': 'x', 'n': 1, 'tool': {'_nix': 'pkgs.hello'}}}, None),
    ({'environment': {'stateName': 'x'}}, 'To runNixOps this is a parameter'),
    ({'environment': {'allowReboot': 'x'}}, None),
    ({'environment': {'effectScript': 'x'}}, 'To runNixOps this is a parameter'),
    ({'environment': {'HOME': 'x'}}, 'sets this variable itself'),
    ({'environment': {'a-b': 'x'}}, 'This cannot be the name of an environment variable'),
    ({'environment': {'DEBUG': True}}, 'An environment variable has to be text'),
    ({'function': 'runPutUrl', 'environment': {'DEBUG': 'x'}}, 'take no environment variables'),
    ({**WRITE, 'environment': {'DEBUG': 'x'}}, None),
    # What mkEffect, mkDerivation and Nix know.
    *(({'arguments': {name: value}}, None) for name, value in (
        ('buildInputs', []), ('nativeBuildInputs', []), ('passthru', {}), ('postUserSetup', 'x'), ('dontUnpack', True),
        ('preferLocalBuild', True), ('__hci_effect_virtual_uid', 0), ('patches', []), ('env', {}), ('preGetState', 'x'),
    )),
    # Functions that refuse what they do not know, or that we do not know.
    ({**WRITE, 'contents': None, 'arguments': {'git': {}, 'contents': 'x'}}, None),
    ({'function': 'somethingNew', 'arguments': {'anything': 1}}, None),
])
def test_what_no_parameter_takes(effect: dict[str, Any], expected: str | None) -> None:
    found = words({**EFFECT, **effect})
    assert (expected in found) if expected else found == '', found


@pytest.mark.parametrize('secrets', [{'a': {'type': 'Foo'}}, {'a': 1}, {'a': None}, ['a'], 'a'])
@pytest.mark.parametrize('function', ['mkEffect', 'runNixOS', 'runNixOps', 'modularEffect'])
def test_secrets_of_any_effect_are_what_the_agent_takes(secrets: Any, function: str) -> None:
    evaluated = EvaluatedEffect('refs/heads/main', 'default', 'x', 'x.run', runs=True, secrets_map=secrets)
    assert 'The agent refuses' in '\n'.join(map(str, declared_problems([evaluated, evaluated])))
    assert len(declared_problems([evaluated, evaluated])) == 1
    if function != 'runNixOps':
        assert 'The agent refuses' in words({**EFFECT, 'function': function, 'arguments': {'secretsMap': secrets}})


def test_scripts_of_any_effect_read_the_secrets_that_it_has() -> None:
    def found(**declared: Any) -> str:
        return '\n'.join(map(str, declared_problems([EvaluatedEffect('refs/heads/main', 'default', 'x', 'x.run', runs=True, **declared)])))

    script = {'effectScript': 'writeSSHKey deploy\nreadSecretString hercules-ci .token\n', 'preEffect': 'writeGPGKey gpg'}
    assert found(scripts=script, secrets_map={'deploy': 'x', 'gpg': 'y'}, inputs=('/nix/store/x-gnupg-2.4',)) == ''
    assert 'writeSSHKey reads a secret that secretsMap does not have. Where: effect x: effectScript.' in found(scripts=script)
    assert 'Use the key' in found(scripts=script, secrets_map={'other': 'deploy', 'gpg': 'x'})
    assert 'writeGPGKey needs gnupg. Where: effect x: preEffect.' in found(scripts=script, secrets_map={'deploy': 'x', 'gpg': 'y'})


def test_a_wrong_secret_is_not_shown() -> None:
    assert 'hunter2' not in words({**EFFECT, 'secrets_map': {'aws': {'password': 'hunter2'}}})


def test_all_problems_are_told_at_once() -> None:
    wrong = [{**EFFECT, 'network_files': ['a b', '/c'], 'action': 'x'}, {**EFFECT, 'name': 'y', 'run_on': {}}]
    assert len(effects_problems(wrong, 'legacy')) == 4


def test_names_are_unique_within_a_job() -> None:
    assert 'same name' in str(effects_problems([EFFECT, EFFECT], 'legacy')[0])
    assert effects_problems([EFFECT, {**EFFECT, 'job': 'nightly', 'deployment': 'x'}], 'herculesCI') == []


def test_two_deployments_never_share_a_state_file() -> None:
    first, second = {**EFFECT, 'name': 'a'}, {**EFFECT, 'name': 'b', 'state_name': 'nixops-a.json'}
    assert 'same state file' in str(effects_problems([first, second], 'legacy')[0])
    # One deployment may have two effects, such as a dry run on another branch.
    assert effects_problems([first, {**second, 'deployment': 'a', 'action': 'dry-run'}], 'legacy') == []


def test_a_scheduled_effect_needs_no_ref() -> None:
    assert effects_problems([{'name': 'x', 'job': 'night'}], 'herculesCI', ['night']) == []


@pytest.mark.parametrize(('schedule', 'expected'), [
    ({'hour': 2}, ''), ({'hour': [0, 23], 'minute': 59, 'day_of_week': ['Mon', 'Sun'], 'day_of_month': [1, 31]}, ''),
    ({'hour': 24}, 'hour'), ({'minute': 60}, 'minute'), ({'minute': [1]}, 'minute'), ({'day_of_week': ['Monday']}, 'day_of_week'),
    ({'day_of_week': 'Mon'}, 'day_of_week'),
    ({'day_of_month': [0]}, 'day_of_month'), ({'second': 1}, 'The agent would refuse the schedule. Where: schedules.night.second.'),
    ('daily', 'A schedule is a dictionary. Where: schedules.night.'),
])
def test_schedules(schedule: Any, expected: str) -> None:
    found = '\n'.join(map(str, schedules_problems({'night': schedule}, 'herculesCI', ['night'])))
    assert (expected in found) if expected else found == ''


def test_schedules_exist_in_one_form_and_are_used() -> None:
    assert 'Only the form herculesCI has schedules.' in str(schedules_problems({'night': {'hour': 2}}, 'legacy', ['night'])[0])
    assert 'The schedule has no effect. Where: schedules.night.' in str(schedules_problems({'night': {'hour': 2}}, 'herculesCI', [])[0])


@pytest.mark.parametrize(('effect', 'expected'), [
    ({'ssh_destination': None}, 'Where: effect x: ssh_destination. Expected: ssh_destination. Found: no value.'),
    ({'configuration': None}, 'Where: effect x: configuration. Expected: configuration or config. Found: neither.'),
    ({'configuration': '../web.nix'}, 'The file lies outside the checkout. Where: effect x: configuration.'),
    ({'ssh_destination': 'root@web; id'}, 'Where: effect x: ssh_destination. Expected: USER@HOST.'),
    ({'ssh_destination': {'_nix': 'host'}}, None),
    ({'ssh_destination': 'ssh://root@[fe80::1]'}, None),
    ({'user_setup_script': 'writeSSHKey'}, "Where: effect x: user_setup_script. Expected: lines for ~/.ssh/known_hosts."),
    ({'user_setup_script': 'echo web >>~/.known_hosts'}, 'Nothing gives the effect a key to log in with.'),
    ({'user_setup_script': None, 'arguments': {'userSetupScript': 'true'}}, 'Nothing gives the effect a key'),
    ({'user_setup_script': None, 'arguments': {'userSetupScript': {'_nix': 'script'}}}, None),
    ({'user_setup_script': 'writeSSHKey', 'ssh_options': '-o StrictHostKeyChecking=accept-new'}, None),
    ({'user_setup_script': LOGIN.replace('writeSSHKey', 'writeSSHKey deploy')}, 'reads a secret that secrets_map does not have'),
    ({'arguments': {'preEffect': 'readSecretString db .x'}}, 'Where: effect x: arguments.preEffect. Expected: ssh. Found: db.'),
    ({'arguments': {'ssh': {'destination': 'web'}}}, 'option of its own. Where: effect x: arguments.ssh.destination.'),
    ({'configuration': 5}, 'This names nothing. Where: effect x: configuration. Expected: a file of the checkout, or code'),
    ({'configuration': {'networking': {'hostName': 'web'}}}, None),
    ({'ssh_package': ['openssh']}, 'This names nothing. Where: effect x: ssh_package. Expected: a package by its name in nixpkgs, or code'),
    ({'function': 'runArion', 'modules': ['a.nix', True]}, 'This names nothing. Where: effect x: modules. Expected: a file'),
    ({'action': 'switch'}, 'runNixOS has no parameter for this option. Where: effect x: action.'),
    ({**WRITE, 'base_merge_method': 'squash'}, 'Expected: merge, rebase, fast-forward, reset. Found: squash.'),
    ({'function': 'runCachixDeploy', 'deploy': {}, 'deploy_json_file': 'x.json'}, 'takes one or the other'),
])
def test_traps_of_other_functions(effect: dict[str, Any], expected: str | None) -> None:
    base = {'name': 'x', 'run_on': {'branches': ['main']}} if 'function' in effect else {**EFFECT, **NIXOS}
    found = words({**base, **effect})
    assert (expected in found) if expected else found == '', found
