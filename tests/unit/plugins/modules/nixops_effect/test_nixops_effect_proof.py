# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the real Nix says about the file before it lands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils import _programs
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import evaluation

from .conftest import EFFECT, Run, git

RUNS = {'refs/heads/main': [], 'refs/heads/production': ['neat-network']}


@pytest.mark.parametrize('form', ['legacy', 'herculesCI', 'effects'])
@pytest.mark.parametrize('level', ['evaluate', 'prebuild'])
def test_each_form_runs_where_it_should(run: Run, form: str, level: str) -> None:
    result = run(form=form, validate=level)
    assert result.get('runs') == RUNS, result
    assert result['changed']


def test_the_files_folder_is_where_relative_paths_start(run: Run, checkout: Path) -> None:
    (checkout / 'nix').mkdir()
    assert run(file='nix/ci.nix', validate='prebuild').get('runs') == RUNS


def test_all_that_runs_is_listed_for_the_refs_that_are_asked_for(run: Run) -> None:
    effects = [
        {**EFFECT, 'run_on': {'branches': ['main', 'release-*']}},
        {'name': 'two', 'function': 'runNixOps2', 'network_files': ['nixops.nix'], 'run_on': {'tags': ['v*']}},
        {'name': 'put', 'function': 'runPutUrl', 'run_on': {'any_ref': True}, 'arguments': {
            'name': 'x', 'url': 'https://example.com', 'file': {'_path': './network.nix'},
        }},
    ]
    refs = ['refs/tags/v1', 'refs/heads/release-1', 'refs/heads/other', 'refs/pull/1/merge']
    assert run(effects=effects, refs=refs)['runs'] == {
        'refs/tags/v1': ['put', 'two'], 'refs/heads/release-1': ['neat-network', 'put'],
        'refs/heads/other': ['put'], 'refs/pull/1/merge': ['put'],
    }


def test_schedules_are_jobs_of_their_own(run: Run) -> None:
    effects = [EFFECT, {**EFFECT, 'name': 'again', 'job': 'night', 'run_on': None}]
    result = run(form='herculesCI', effects=effects, schedules={'night': {'hour': [2], 'day_of_week': ['Mon']}}, validate='prebuild')
    assert result['runs'] == {'refs/heads/main': ['night.again'], 'refs/heads/production': ['neat-network', 'night.again']}


@pytest.mark.parametrize(('run_on', 'expected'), [
    ({'condition': 'src.branch == "nobody"'}, 'would never run'),
    ({'condition': 'src.branch != null', 'branches': ['production']}, 'Found: refs/heads/main, any other branch'),
    ({'condition': 'src.ref == "refs/heads/main"', 'branches': ['main', 'production']}, 'would not run where it should'),
    ({'condition': 'src.tag == "v1"', 'tags': ['v1', 'v2']}, 'refs/tags/v2'),
    ({'condition': 'src.nosuch'}, 'no attribute nosuch'),
    ({'condition': '('}, 'not a Nix expression'),
    ({'condition': 'true) (throw "injected"'}, 'injected'),
])
def test_conditions_are_held_against_the_inventory(run: Run, checkout: Path, run_on: dict[str, Any], expected: str) -> None:
    result = run(effects=[{**EFFECT, 'run_on': run_on}])
    assert expected in result.get('msg', ''), result
    assert git(checkout, 'status', '--porcelain') == ''


@pytest.mark.parametrize('run_on', [{'condition': 'false'}, {'condition': '(false)', 'branches': ['production']}])
def test_an_effect_may_be_off_on_purpose(run: Run, run_on: dict[str, Any]) -> None:
    effects = [EFFECT, {**EFFECT, 'name': 'off', 'deployment': 'off', 'run_on': run_on}]
    result = run(effects=effects, validate='prebuild')
    assert not result.get('failed'), result['msg']
    assert result['runs']['refs/heads/production'] == ['neat-network']


def test_a_nix_of_other_settings_gives_the_same_answer(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(validate='prebuild')
    assert not answer.get('failed'), answer['msg']
    for setting in ('pure-eval = true', 'nix-path = nixpkgs=/nonexistent', 'allow-import-from-derivation = false', 'allowed-uris ='):
        monkeypatch.setenv('NIX_CONFIG', setting)
        assert run(validate='prebuild', check=True).get('runs') == answer['runs'], setting


def test_what_fails_before_an_effect_is_known_to_be_one_is_said_of_it(run: Run) -> None:
    fine = {**EFFECT, 'name': 'fine', 'deployment': 'fine'}
    result = run(effects=[fine, {**EFFECT, 'run_on': {'condition': 'src.nosuch'}}])
    assert result['problems'][0]['where'].startswith('effect neat-network: '), result


def test_conditions_may_know_the_project(run: Run) -> None:
    effects = [{**EFFECT, 'run_on': {'condition': 'src.owner == "neat-org" && src.name == "neat-repo" && src.branch == "production"'}}]
    assert run(effects=effects, project='github/neat-org/neat-repo', refs=['refs/heads/production'])['runs'] == {
        'refs/heads/production': ['neat-network'],
    }
    assert 'never run' in run(effects=effects, project='github/neat-org/other', refs=['refs/heads/production'])['msg']


def test_the_old_file_stays_when_the_new_one_does_not_pass(run: Run, checkout: Path) -> None:
    run()
    before = (checkout / 'ci.nix').read_bytes()
    assert run(effects=[{**EFFECT, 'inputs': [{'_nix': 'pkgs.nosuch'}]}])['failed']
    assert (checkout / 'ci.nix').read_bytes() == before
    assert sorted(os.listdir(checkout)) == ['.git', 'ci.nix', 'network-aws.nix', 'network-stub.nix', 'network.nix', 'nixops.nix']


@pytest.mark.parametrize(('nixpkgs', 'nixops', 'expected'), [
    ('nixpkgs-25.11', None, 'add pins.nixops'),
    ('nixpkgs-20.09', None, 'Pin nixpkgs 22.05 or newer'),
    ('nixpkgs-25.11', {}, 'config.permittedInsecurePackages'),
    ('nixpkgs-25.11', {'config': {'permittedInsecurePackages': ['python-2.7.18.6']}}, ''),
])
def test_nixops_1_needs_an_old_nixpkgs(
    run: Run, tarballs: dict[str, dict[str, str]], nixpkgs: str, nixops: dict[str, Any] | None, expected: str,
) -> None:
    pins = {'nixpkgs': tarballs[nixpkgs], 'effects': tarballs['effects']}
    if nixops is not None:
        pins['nixops'] = {**tarballs['nixpkgs-22.11'], **nixops}
    result = run(pins=pins)
    assert expected in result.get('msg', '')
    assert bool(expected) == bool(result.get('failed')), result


def test_a_wrong_hash_is_told_with_the_right_one(run: Run, tarballs: dict[str, dict[str, str]]) -> None:
    wrong = {**tarballs['nixpkgs-22.11'], 'sha256': '0' * 52}
    assert tarballs['nixpkgs-22.11']['sha256'] in run(pins={'nixpkgs': wrong, 'effects': tarballs['effects']})['msg']


@pytest.mark.parametrize(('text', 'expected'), [
    ('{ ... }: { machine = { config, ... }: { networking.hostName = config.deployment.gce.region; }; }', 'deployment.gce.region'),
    ('{ ... }: { machine = { ... }: { services.nginx.user = (import <nixpkgs/x>); }; }', 'NIX_PATH'),
    ('{ ... }: { machine = import /etc/nixos/configuration.nix; }', 'outside the checkout'),
    ('{ ... }: { machine = import ./absent.nix; }', 'absent.nix'),
    ('{ region, ... }: { machine = { ... }: { }; }', 'argument region'),
    ('{ }: { machine = { ... }: { }; }', '`...`'),
    ('{ ... }: { machine = lib.nosuch; }', 'variable lib'),
])
def test_a_network_that_cannot_be_prebuilt_says_what_is_missing_and_where(run: Run, checkout: Path, text: str, expected: str) -> None:
    (checkout / 'network-aws.nix').write_text(text)
    result = run(validate='prebuild', effects=[{**EFFECT, 'network_args': {'size': 'large'}}])
    assert expected in result.get('msg', ''), result
    assert 'effect neat-network: ' in result['problems'][0]['where']


@pytest.mark.parametrize('option', ['network_files', 'deploy_only_network_files'])
@pytest.mark.parametrize('effect', [{}, {'prebuild': False}])
def test_every_network_file_is_parsed(run: Run, checkout: Path, option: str, effect: dict[str, Any]) -> None:
    (checkout / 'network-aws.nix').write_text('{\n  web = { ;\n}\n')
    result = run(validate='evaluate', effects=[{**EFFECT, **effect, 'network_files': ['network.nix'], option: ['network-aws.nix']}])
    assert result['problems'][0]['what'] == 'The file is not a Nix expression.'
    assert result['problems'][0]['where'] == 'effect neat-network: %s/network-aws.nix:2' % checkout


def test_what_only_deploying_reads_may_need_what_only_deploying_has(run: Run, checkout: Path) -> None:
    (checkout / 'network-aws.nix').write_text('(import <nixpkgs> { }).nosuch /etc/passwd')
    effect = {**EFFECT, 'network_files': ['network.nix'], 'deploy_only_network_files': ['network-aws.nix']}
    assert not run(validate='prebuild', effects=[effect]).get('failed')


def test_the_machine_that_is_broken_is_named(run: Run, checkout: Path) -> None:
    (checkout / 'network-aws.nix').write_text('{ ... }: { front = { }; back = { deployment.nosuch = 1; }; }')
    result = run(validate='prebuild')
    assert result['problems'][0]['where'] == 'effect neat-network: machine back: %s/network-aws.nix' % checkout, result


@pytest.mark.parametrize(('arguments', 'expected'), [
    ({'secretsMap': {'_nix': '{ a.type = "Foo"; }'}}, 'The agent refuses this entry. Where: effect put: secretsMap.a.'),
    ({'secretsMap': {'_nix': '{ a = 1; }'}}, 'Found: int'),
    ({'effectScript': {'_nix': '"writeSSH" + "Key"'}}, 'writeSSHKey reads a secret that secretsMap does not have.'),
    ({'preEffect': {'_nix': '"readSecretString nosuch .x"'}}, 'Where: effect put: preEffect.'),
    ({'secretsMap': {'_nix': '{ ssh = "x"; }'}, 'effectScript': 'writeSSHKey'}, ''),
])
def test_secrets_and_scripts_are_checked_as_nix_evaluates_them(run: Run, arguments: dict[str, Any], expected: str) -> None:
    effect = {'name': 'put', 'function': 'mkEffect', 'run_on': {'branches': ['main']}, 'arguments': {
        'name': 'x', 'effectScript': 'true', **arguments,
    }}
    result = run(effects=[effect])
    assert expected in result.get('msg', '')
    assert bool(expected) == bool(result.get('failed')), result


def test_environment_variables_reach_the_effect(run: Run, checkout: Path) -> None:
    content = run(effects=[{**EFFECT, 'environment': {'AWS_PROFILE': 'x', 'N': 1}}])['content']
    assert '      AWS_PROFILE = "x";\n      N = "1";\n' in content


def test_every_broken_network_is_told_at_once(run: Run, checkout: Path) -> None:
    (checkout / 'network-stub.nix').write_text('{ }')
    (checkout / 'nixops.nix').write_text('{ machine = { ... }: { }; }')
    two = {'name': 'two', 'function': 'runNixOps2', 'network_files': ['nixops.nix'], 'run_on': {'branches': ['main']}}
    result = run(validate='prebuild', effects=[EFFECT, two, {**EFFECT, 'name': 'fine', 'prebuild': False}])
    assert [problem['where'].partition(':')[0] for problem in result['problems']] == ['effect neat-network', 'effect two']
    assert 'network-stub.nix' in result['problems'][0]['remedy']
    assert 'storage' in result['problems'][1]['remedy']
    # What is not prebuilt may be broken: evaluation alone does not see it.
    assert not run(validate='evaluate', effects=[EFFECT, two]).get('failed')


def test_one_process_answers_for_everything(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    real = evaluation.run_program

    def recorded(command: list[str], **options: Any) -> Any:
        started.append(command)
        return real(command, **options)

    monkeypatch.setattr(evaluation, 'run_program', recorded)
    run(effects=[{**EFFECT, 'name': 'n%d' % number} for number in range(5)], validate='prebuild')
    asked = [command for command in started if 'nix-instantiate' in command[0]]
    # One parses, one evaluates for every ref, one prebuilds.
    assert len(asked) == 3
    for command in asked:
        assert command[command.index('restrict-eval') + 1] == 'true'


def test_without_nix_the_remedy_is_told_and_none_still_renders(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation.shutil, 'which', lambda *_arguments, **_options: None)
    for level in ('parse', 'evaluate', 'prebuild'):
        assert 'nix-bin' in run(validate=level)['msg']
    assert run(validate='none')['changed']


def test_parse_needs_no_pins(run: Run) -> None:
    pins = {name: {'url': 'https://example.invalid/x.tar.gz', 'sha256': '0' * 52} for name in ('nixpkgs', 'effects')}
    result = run(validate='parse', pins=pins)
    assert result['changed']
    assert 'runs' not in result


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Nix that computes takes no notice of SIGTERM: it need not be waited for."""
    monkeypatch.setattr(_programs, 'SECONDS_TO_END', 0.2)


@pytest.mark.usefixtures('soon')
def test_nix_that_never_ends_is_ended(run: Run) -> None:
    endless = {'condition': 'let f = n: if n < 2 then 1 else f (n - 1) + f (n - 2); in f 60 > 0', 'branches': ['production']}
    said = run(effects=[{**EFFECT, 'run_on': endless}], validate_timeout=1)['msg']
    assert 'Nix did not finish in 1 seconds.' in said and 'validate_timeout' in said


def test_another_layout_is_no_change_but_another_comment_is(run: Run, checkout: Path) -> None:
    run()
    file = checkout / 'ci.nix'
    formatted = file.read_text().replace('[ "network.nix" "network-aws.nix" ]', '[\n  "network.nix"\n\n  "network-aws.nix"\n]')
    file.write_text(formatted)
    result = run(diff=True)
    assert result['changed'] is False
    assert result['content'] == result['diff']['after'] == formatted == file.read_text()
    assert run(effects=[{**EFFECT, 'comment': 'new'}], check=True)['changed']
    file.write_text(formatted.replace('"network-aws.nix"', '"other.nix"'))
    assert run()['changed']
    file.write_text(formatted + '(')
    assert run()['changed']


def test_line_ends_that_git_converts_are_no_change(run: Run, checkout: Path) -> None:
    """As in a checkout where Git writes them as Windows does; in a script they would mean something else."""
    effects = [{**EFFECT, 'user_setup_script': 'writeAWSSecret aws default\necho done\n'}]
    run(effects=effects, validate='none')
    file = checkout / 'ci.nix'
    file.write_bytes(file.read_bytes().replace(b'\n', b'\r\n'))
    assert run(effects=effects, check=True)['changed']
    for setting in ('true', 'input'):
        git(checkout, 'config', 'core.autocrlf', setting)
        assert not run(effects=effects)['changed']
    git(checkout, 'config', '--unset', 'core.autocrlf')
    (checkout / '.gitattributes').write_text('*.nix text eol=crlf\n')
    assert not run(effects=effects, validate='none')['changed']
    assert run(effects=[{**effects[0], 'comment': 'new'}], validate='none')['changed']


def test_the_effect_is_named_also_when_nix_finds_the_error_late(run: Run) -> None:
    prebuilt = 'derivation { name = "x"; system = "x86_64-linux"; builder = throw "broken inside"; }'
    effect = {'name': 'late', 'function': 'mkEffect', 'run_on': {'any_ref': True}, 'arguments': {
        'name': 'x', 'effectScript': 'true', 'passthru': {'prebuilt': {'_nix': prebuilt}},
    }}
    result = run(validate='prebuild', effects=[effect])
    assert 'broken inside' in result['msg']
    assert result['problems'][0]['where'].startswith('effect late: ')


def test_other_branches_are_asked_about_when_somebody_wrote_a_condition(run: Run, checkout: Path) -> None:
    git(checkout, 'branch', 'unrelated')
    assert run(check=True)['runs'] == RUNS
    written = {**EFFECT, 'run_on': {'condition': 'src.branch == "production"', 'branches': ['production']}}
    assert run(check=True, effects=[written])['runs'] == {**RUNS, 'refs/heads/unrelated': []}


@pytest.mark.usefixtures('soon')
def test_the_time_is_for_all_networks_together(run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of a thousand networks would get the whole of it again, after all of them had it together."""
    endless = 'let f = n: if n < 2 then 1 else f (n - 1) + f (n - 2); in'
    (checkout / 'network.nix').write_text('%s { ... }: { machine = { ... }: { services.nginx.enable = f 60 > 0; }; }' % endless)
    left: list[float] = []
    real = evaluation.run_program

    def recorded(command: list[str], **options: Any) -> Any:
        if 'nix-instantiate' in command[0]:
            left.append(options['timeout'])
        return real(command, **options)

    monkeypatch.setattr(evaluation, 'run_program', recorded)
    effects = [{**EFFECT, 'name': 'n%d' % number} for number in range(3)]
    result = run(effects=effects, validate='prebuild', validate_timeout=3)
    assert [problem['remedy'] for problem in result['problems']] == ['Raise validate_timeout.']
    assert left == sorted(left, reverse=True)
    assert left[-1] < 3


def test_nix_is_found_where_one_user_has_installed_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / '.nix-profile' / 'bin'
    folder.mkdir(parents=True)
    (folder / 'nix-instantiate').symlink_to(evaluation.find())
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('PATH', '/nonexistent')
    assert evaluation.find() == str(folder / 'nix-instantiate')


def test_the_flake_of_the_checkout_is_the_one_that_effects_ask_for(run: Run, checkout: Path) -> None:
    two = {'name': 'two', 'function': 'runNixOps2', 'flake': {'_nix': 'self'}, 'run_on': {'branches': ['main']}}
    (checkout / 'flake.nix').write_text('{ outputs = { self }: { nixopsConfigurations.default = import ./nixops.nix; }; }')
    git(checkout, 'add', '.')
    assert run(effects=[two], validate='prebuild').get('runs') == {'refs/heads/main': ['two']}
    (checkout / 'nixops.nix').write_text('{ machine = { ... }: { }; }')
    assert 'storage' in run(effects=[two], validate='prebuild')['msg']
    (checkout / 'stub.nix').write_text('{ network.storage.hercules-ci.stateName = "nixops-two.json"; }')
    git(checkout, 'add', '.')
    done = run(effects=[{**two, 'prebuild_only_network_files': ['stub.nix']}], validate='prebuild')
    assert not done.get('failed'), done['msg']
    assert done['files'] == ['stub.nix']
    assert 'prebuildOnlyNetworkFiles = [ ./stub.nix ];' in done['content']


def test_what_only_prebuilding_adds_is_not_deployed(run: Run, checkout: Path) -> None:
    (checkout / 'flake.nix').write_text('{ outputs = { self }: { nixopsConfigurations.default = import ./flaky.nix; }; }')
    text = '{ machine = { ... }: { }; network.storage.hercules-ci = { stateName = "a.json"; project = "github/x/y"; }; }'
    (checkout / 'flaky.nix').write_text(text)
    (checkout / 'two').mkdir()
    (checkout / 'two' / 'nixops.nix').write_text('{ more ? false, ... }: %s // (if more then { second = { }; } else { })' % text)
    for folder in (checkout, checkout / 'two'):
        (folder / 'stub.nix').write_text('{ third = { }; network.storage.hercules-ci.stateName = "b.json"; }')
    git(checkout, 'add', '.')
    common = {
        'function': 'runNixOps2', 'run_on': {'branches': ['main']}, 'prebuild_only_network_files': ['stub.nix'],
        'prebuild_only_modules': [{'_nix': '{ fourth = { }; resources.ec2KeyPairs.key = { }; }'}],
    }
    two = {**common, 'name': 'two', 'src': 'two', 'network_files': ['nixops.nix'], 'prebuild_network_args': {'more': True}}
    (checkout / 'nixops.nix').unlink()
    done = run(effects=[{**common, 'name': 'one', 'flake': {'_nix': 'self'}}, two], validate='prebuild')
    assert not done.get('failed'), done['msg']
    for found in done['deployments']:
        assert (found['state_name'], found['state_project'], found['network']['resources']) == ('a.json', 'github/x/y', {})
    one, other = done['deployments']
    assert (one['network']['takes'], other['network']['takes']) == ([], ['more'])
    assert (sorted(one['network']['machines']), one['bare']) == (['machine'], None)
    assert (sorted(other['network']['machines']), sorted(other['bare']['machines'])) == (['machine', 'second'], ['machine'])
    # A network that cannot do without its arguments.
    (checkout / 'two' / 'nixops.nix').write_text('{ more, ... }: %s' % text)
    (found,) = run(effects=[two], validate='prebuild')['deployments']
    assert (sorted(found['network']['machines']), found['bare']) == (['machine'], None)


def test_the_nix_path_of_this_machine_is_not_an_agents(
    run: Run, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('NIX_PATH', 'nixpkgs=%s' % tmp_path)
    (tmp_path / 'x').write_text('{ }')
    (checkout / 'network.nix').write_text('{ ... }: { machine = { ... }: import <nixpkgs/x>; }')
    assert 'NIX_PATH is empty' in run(validate='prebuild').get('msg', '')
