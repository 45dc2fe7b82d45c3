# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ci.nix that people wrote in many ways: read by Nix, written into an inventory, and proven to mean the same when rendered from there."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import effect_file, evaluation, recording
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.options import SPEC
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt import file
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt.file import FromFile, from_file
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt.hosts import Setting
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt.inventory import declared_in, deployments_in, effect_changes
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.edit import edited

from tests.sandbox import pins as sandbox_pins
from tests.support.surroundings import FIXTURES
from tests.unit.plugins.plugin_utils._adopt.styles import PKGS, PROVEN, REFUSED

PROJECT = 'github/neat-org/neat-repo'
NETWORKS = {
    'network.nix': '{ size ? "small", ... }: { network.description = size; machine = { ... }: { services.nginx.enable = true; }; }\n',
    'network-aws.nix': '{ ... }: { machine = { config, ... }: { networking.hostName = config.networking.privateIPv4; }; }\n',
    'network-stub.nix': '{ defaults.networking.privateIPv4 = "203.0.113.1"; }\n',
    'nixops.nix': '{ network.storage.hercules-ci.stateName = "x"; network.lock.hercules-ci.stateName = "x"; machine = { ... }: { }; }\n',
}


@pytest.fixture(scope='module')
def fetched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Calls of fetchTarball, by what stands for them."""
    names = {'NIXPKGS': 'nixpkgs', 'EFFECTS': 'effects', 'OLD': 'nixpkgs-22.11', 'NEW': 'nixpkgs-25.11'}
    made = sandbox_pins.make(tmp_path_factory.mktemp('pins'))
    calls = {mark: 'fetchTarball { url = "%(url)s"; sha256 = "%(sha256)s"; }' % made[name] for mark, name in names.items()}
    return {**calls, 'URL': made['nixpkgs']['url'], 'LIBRARY': made['effects']['url']}


@pytest.fixture
def checkout(tmp_path: Path, nix_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in nix_store.items():
        monkeypatch.setenv(name, value)
    # What pins of npins and niv fetch is on this machine here.
    monkeypatch.setattr(evaluation, 'SAFE_URIS', evaluation.SAFE_URIS + ' file://')
    folder = tmp_path / 'neat-repo'
    folder.mkdir()
    return folder


def write(checkout: Path, files: dict[str, str], fetched: dict[str, str]) -> None:
    for name, written in {**NETWORKS, **files}.items():
        text = written
        for mark, code in (('PKGS', PKGS), *fetched.items()):
            text = re.sub(r'\b%s\b' % mark, lambda _match, code=code: code, text)
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text(text)
    somebody = ('-c', 'user.name=x', '-c', 'user.email=x@example.com')
    for command in (['init', '-q', '-b', 'main'], ['add', '.'], [*somebody, 'commit', '-qm', 'x']):
        subprocess.run(['git', '-C', str(checkout), *command], check=True)
    if 'flake.nix' in files:
        features = ('--extra-experimental-features', 'nix-command flakes')
        subprocess.run(['nix', *features, 'flake', 'lock'], cwd=checkout, check=True)
        subprocess.run(['git', '-C', str(checkout), 'add', 'flake.lock'], check=True)


def inventory_of(checkout: Path, before: str = '') -> str:
    """The inventory file after the ci.nix was adopted, as the action does it."""
    found = from_file(Setting(PROJECT, str(checkout), None))
    inventory = AnsibleLoader(before).get_single_data() or {}
    taken = {name for name, _variables in deployments_in(inventory)}
    written = effect_changes(inventory, found, list(declared_in(inventory)), PROJECT, taken)
    return edited(before.encode(), written.edits, 'hosts.yml').decode()


def proof(checkout: Path, text: str) -> effect_file.Proof:
    """What nixops_effect says of the inventory, as the role gives it."""
    (group,) = AnsibleLoader(text).get_single_data()['nixops_networks']['children'].values()
    networks = [{**group['vars'], **variables} for variables in group['hosts'].values()]
    shared = {option: group['vars'].get('nixops_%s' % option) for option in ('checkout', 'form', 'pins', 'schedules', 'adopt', 'project')}
    options = {option: value for option, value in shared.items() if value is not None}
    options['effects'] = [Network(host, found, found).effect for host, found in zip(group['hosts'], networks)]
    checked = ArgumentSpecValidator(dict(SPEC.options)).validate(options)
    assert checked.error_messages == []
    _change, found = effect_file.prove(effect_file.plan(checked.validated_parameters), checked.validated_parameters)
    return found


@pytest.mark.parametrize('style', PROVEN)
def test_what_is_adopted_means_the_same(style: str, checkout: Path, fetched: dict[str, str]) -> None:
    files = PROVEN[style]
    write(checkout, files, fetched)
    text = inventory_of(checkout)
    assert inventory_of(checkout, text) == text, 'the second run'
    found = proof(checkout, text)
    assert found.adopted and found.adopted.file == next(iter(files)), text


@pytest.mark.parametrize('style', REFUSED)
def test_what_an_inventory_cannot_say_is_asked(style: str, checkout: Path, fetched: dict[str, str]) -> None:
    files, asked, said = REFUSED[style]
    write(checkout, files, fetched)
    text = inventory_of(checkout)
    assert asked in text, text
    with pytest.raises(Failure) as failure:
        proof(checkout, text)
    assert said.replace('CHECKOUT', str(checkout)) in str(failure.value)


def test_variables_of_the_guide(checkout: Path, fetched: dict[str, str]) -> None:
    write(checkout, PROVEN['guide'], fetched)
    (group,) = yaml.safe_load(inventory_of(checkout).replace('!unsafe ', ''))['nixops_networks']['children'].values()
    assert group['vars']['nixops_form'] == 'legacy' and group['vars']['nixops_adopt'] is True
    assert group['hosts']['neat-network'] == {
        'nixops_deployment': 'foo', 'nixops_branches': ['production'], 'nixops_function': 'runNixOps',
        'nixops_network_files': ['network.nix', 'network-aws.nix'], 'nixops_prebuild_only_network_files': ['network-stub.nix'],
        'nixops_network_args': {'size': 'large'}, 'nixops_secrets_map': {'aws': 'neat-aws'}, 'nixops_inputs': ['awscli2'],
        'nixops_user_setup_script': 'writeAWSSecret aws default',
    }
    assert group['hosts']['staging'] == {
        'nixops_deployment': 'staging', 'nixops_branches': ['main', 'staging'], 'nixops_function': 'runNixOps',
        'nixops_clean_source': False, 'nixops_state_name': 'old-staging.json', 'nixops_environment': {'STAGE': 'x'},
    }
    assert group['hosts']['two']['nixops_nixops_plugins'] == ['nixops-aws', 'nixops-hercules-ci']
    assert group['hosts']['mail']['nixops_ssh_destination'] == 'root@mail'
    assert group['hosts']['note']['nixops_run_on'] == {'any_ref': True}
    assert 'nixops_effect_script: !unsafe' in inventory_of(checkout)


@pytest.mark.parametrize(('text', 'said'), [
    ('{ src ? { ref = null; } }: { a = ', 'syntax'),
    ('{ src ? { ref = null; } }: let pkgs = import <nixpkgs> { }; in { a = pkgs.hello; }', 'nixpkgs'),
    ('src: { }', 'whose arguments have no names'),
])
def test_what_agents_cannot_evaluate(text: str, said: str, checkout: Path, fetched: dict[str, str]) -> None:
    write(checkout, {'ci.nix': text}, fetched)
    with pytest.raises(Failure) as failure:
        inventory_of(checkout)
    assert said in str(failure.value)


@pytest.mark.parametrize(('folder', 'said'), [
    (None, 'Which ci.nix is adopted? Where: checkout.'), ('nowhere', 'There is no such folder.'), ('ci.nix', 'There is no such folder.'),
])
def test_what_is_no_checkout(folder: str | None, said: str, checkout: Path) -> None:
    (checkout / 'ci.nix').write_text('{ }: { }\n')
    with pytest.raises(Failure) as failure:
        from_file(Setting(PROJECT, None if folder is None else str(checkout / folder)))
    assert said in str(failure.value)


@pytest.mark.parametrize('files', [('ci.nix',), ('nix/ci.nix',), ('default.nix',), ('ci.nix', 'notes')], ids=' and '.join)
def test_a_file_that_git_does_not_track_is_none_that_agents_have(files: tuple[str, ...], checkout: Path, fetched: dict[str, str]) -> None:
    write(checkout, {}, fetched)
    for name in files:
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text('{ }: { }\n')
    with pytest.raises(Failure) as failure:
        from_file(Setting(PROJECT, str(checkout)))
    (problem,) = failure.value.problems
    assert (problem.what, problem.where) == ('Git does not track the file, so agents do not have it.', str(checkout / files[0]))


def test_a_checkout_without_a_file_declares_nothing(checkout: Path, fetched: dict[str, str]) -> None:
    write(checkout, {}, fetched)
    assert from_file(Setting(PROJECT, str(checkout))) == FromFile()
    assert inventory_of(checkout, 'all:\n  hosts:\n') == 'all:\n  hosts:\n'


@pytest.mark.parametrize('lock', [None, '{', '[]', '{"nodes": {"root": {}}, "root": "root", "version": 7}'])
def test_a_flake_whose_lock_has_no_inputs(
    lock: str | None, checkout: Path, fetched: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nix itself has read it by then: whoever changes it meanwhile loses no more than pins."""
    text = """{ outputs = { self }: let pkgs = PKGS; in {
      effects = { ... }: { a = pkgs.effects.mkEffect { effectScript = "true"; name = "a"; src = ./.; }; };
    }; }
"""
    write(checkout, {'web/flake.nix': text}, fetched)
    subprocess.run(['git', '-C', str(checkout), 'mv', 'web/flake.nix', 'flake.nix'], check=True)
    ask = recording.record

    def record(*arguments: Any) -> recording.Recording:
        found = ask(*arguments)
        if lock:
            (checkout / 'flake.lock').write_text(lock)
        return found

    monkeypatch.setattr(file, 'record', record)
    found = from_file(Setting(PROJECT, str(checkout)))
    assert [effect.host for effect in found.effects] == ['a']
    assert found.variables['nixops_pins']['nixpkgs']['url'] == fetched['URL']


def test_a_host_that_is_there_gets_what_it_does_not_have(checkout: Path, fetched: dict[str, str]) -> None:
    write(checkout, PROVEN['no overlay'], fetched)
    before = ('nixops_networks:\n  hosts:\n    ours:   # mine\n      nixops_deployment: a\n      nixops_project: %s\n'
              '      nixops_branches: [main]   # not that of ci.nix\n' % PROJECT)
    text = inventory_of(checkout, before)
    assert text.startswith(before), text
    (group,) = yaml.safe_load(text)['nixops_networks']['children'].values()
    assert group['hosts'] == {'ours': {'nixops_function': 'runNixOps'}}
    assert inventory_of(checkout, text) == text


@pytest.mark.parametrize(('before', 'group'), [
    ('', 'neat_repo'), ('neat_repo:\n  hosts:\n    web:\n', 'neat_repo_networks'),
    ('nixops_networks:\n  children:\n    neat_repo:\nneat_repo:\n  vars: {x: y}\n', 'neat_repo_networks'),
    ('nixops_networks:\n  children:\n    neat_repo:\n      hosts:\n        b: {nixops_deployment: b}\n', 'neat_repo'),
    ('all: {children: {nixops_networks: {hosts: {x: {nixops_deployment: other}}}}}\n', 'neat_repo'),
    ('all:\r\n  hosts:\r\n    gate:\r\n', 'neat_repo'), ('hercules_agents:\n  hosts:\n    a:\n', 'neat_repo'),
])
def test_the_group_is_its_own(before: str, group: str, checkout: Path, fetched: dict[str, str]) -> None:
    """The variables of the repository get to no other host, and none becomes a network."""
    write(checkout, PROVEN['no overlay'], fetched)
    text = inventory_of(checkout, before)
    value = AnsibleLoader(text).get_single_data()
    places = (value, (value.get('all') or {}).get('children') or {})
    (networks,) = [place['nixops_networks'] for place in places if 'nixops_networks' in place]
    assert 'nixops_checkout' in networks['children'][group]['vars']
    hosts = networks['children'][group]['hosts']
    assert set(hosts) - {'b'} == {'neat_repo-a' if 'hercules_agents' in before else 'a'}
    assert inventory_of(checkout, text) == text


def test_with_what_nixops_knows_of_the_deployments(
    checkout: Path, fetched: dict[str, str], tmp_path: Path, make_action: Callable[..., Any],
) -> None:
    """An effect and the deployment that it works on are one host; the other deployments have hosts of their own."""
    write(checkout, {'ci.nix': PROVEN['with']['ci.nix'].replace('name = "x"', 'name = "aws-prod"')}, fetched)
    database = str(shutil.copy(FIXTURES / 'nixops' / 'nixops-1.7' / 'deployments.nixops', tmp_path / 'deployments.nixops'))
    file = tmp_path / 'hosts.yml'
    options = {'path': str(file), 'databases': [database], 'checkout': str(checkout), 'project': PROJECT, 'ci_nix': True}

    def adopt(*, check: bool = False) -> dict[str, Any]:
        return dict(make_action('nixops_adopt', options, check_mode=check, diff=True).run(task_vars={'groups': {}, 'hostvars': {}}))

    foreseen = adopt(check=True)
    assert (foreseen['changed'], foreseen['ci_nix'], file.exists()) == (True, 'ci.nix', False), foreseen
    done = adopt()
    assert (done['hosts'], done['diff']) == (foreseen['hosts'], foreseen['diff'])
    networks = AnsibleLoader(file.read_text()).get_single_data()['nixops_networks']
    hosts = networks['children']['neat_repo']['hosts']
    assert hosts['x'] == {
        'nixops_deployment': 'aws-prod', 'nixops_branches': ['x'], 'nixops_function': 'runNixOps', 'nixops_database': database}
    # Of the same project, so that they have to agree about the form of the file and the pins.
    assert 'webfarm' in hosts and 'aws-prod' not in hosts and 'hosts' not in networks
    again = adopt()
    assert (again['changed'], again['hosts']) == (False, [])
