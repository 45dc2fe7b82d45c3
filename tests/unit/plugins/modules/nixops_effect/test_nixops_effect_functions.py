# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every function of the library with its options, declared in one file of each form, and evaluated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import functions

from tests.support.marks import SLOW

from .conftest import Run, git

FILES = {
    'web.nix': '{ networking.hostName = "web"; fileSystems."/".device = "/dev/vda1"; boot.loader.grub.enable = false; }\n',
    'nixops.nix': '{ network.storage.hercules-ci.stateName = "two.nixops"; web.deployment.targetEnv = "none"; }\n',
    'arion-compose.nix': '{ }\n',
    'site/index.html': '<p>Neat</p>\n',
    'deploy.json': '{}\n',
    'network.nix': '{ size ? 0, ... }: { web.deployment.targetEnv = "none"; }\n',
    'stub.nix': '{ }\n',
    'only.nix': '{ }\n',
    'darwin.nix': '{ pkgs, configuration, ... }: { config = { system = { build.toplevel = pkgs.jq; profile = "/p"; }; '
                  'networking.hostName = "mac"; }; _module.args.pkgs = pkgs; }\n',
    'services/arion-compose.nix': '{ }\n',
    'services/arion-pkgs.nix': '{ jq = 1; }\n',
}
LOGIN = "writeSSHKey\necho 'web.example.net ssh-ed25519 AAAA' >>~/.ssh/known_hosts"
SSH = {
    'ssh_destination': 'root@web.example.net', 'ssh_options': '-p 2222', 'ssh_use_substitutes': False, 'ssh_compress': True,
    'ssh_compress_closure': False, 'ssh_compress_session': True, 'ssh_copy_closure_options': '--include-outputs',
    'ssh_inherit_variables': ['DEBUG'], 'ssh_package': 'openssh', 'ssh_nix_package': 'nix', 'build_on_destination': False,
    'user_setup_script': LOGIN, 'secrets_map': {'ssh': 'neat-ssh'},
}
GIT = {'git_remote': 'https://git.example.net/neat.git', 'git_user': 'robot', 'base_merge_method': 'reset', 'base_merge_branch': 'main',
       'pull_request_title': 'Update', 'pull_request_body': 'Please', 'auto_merge_method': 'squash'}
STATE = {'get_state_script': 'getStateFile x', 'put_state_script': 'putStateFile x'}
SCRIPTS = {'user_setup_script': 'true', 'prior_check_script': 'true', 'effect_check_script': 'true', 'secrets_map': {'word': 'neat-word'}}
MODULE = {'mounts': {'/dev/kvm': 'dev-kvm'}, 'uid': 1000, 'gid': 1000, 'fs_root_build_commands': 'mkdir $out/var', 'inputs': ['jq'],
          'bin_sh': {'_nix': 'null'}, 'usr_bin_env': {'_nix': 'null'}, 'environment': {'DEBUG': 1}, 'user_setup_script': 'true',
          'secrets_map': {'word': 'neat-word'}, 'src': 'site', 'effect_script': 'true', **STATE}
NIXOPS = {'deployment': 'neat', 'src': '.', 'prebuild': True, 'prebuild_only_network_files': ['stub.nix'], 'action': 'switch',
          'effect_deployment': 'neat', 'nix_path': 'nixpkgs=/x', 'inputs': ['jq'], **SCRIPTS}
EFFECTS: dict[str, dict[str, Any]] = {
    'runNixOps': {**NIXOPS, 'network_files': ['network.nix'], 'network_args': {'size': 1}, 'deploy_only_network_files': ['only.nix'],
                  'state_name': 'neat.json', 'known_hosts_name': 'neat.hosts', 'action': 'dry-run'},
    'runNixOps2': {**NIXOPS, 'network_files': ['nixops.nix'], 'nix_package': 'nix', 'prebuild_network_args': {'size': 1},
                   'prebuild_only_modules': [{'_nix': './stub.nix'}], 'forget_state': False, 'allow_reboot': False,
                   'allow_recreate': False, 'extra_deploy_args': ['--check'],
                   'nixops_package': {'_nix': 'pkgs.nixops_unstable_minimal.withPlugins (ps: [ ps.nixops-hercules-ci ])'}},
    'runNixOS': {'configuration': 'web.nix', 'system': 'x86_64-linux', 'profile': '/nix/var/nix/profiles/other',
                 'effect_script': 'true', 'nixpkgs': {'_nix': 'pkgs.path'}, **SCRIPTS, **SSH},
    'runNixDarwin': {'effect_name': 'mac', **SCRIPTS, **SSH, 'config': {
        '_nix': '{ system = { build.toplevel = pkgs.jq; profile = "/p"; }; networking.hostName = "mac"; }'}},
    'runArion': {'modules': ['arion-compose.nix'], 'pkgs': {'_nix': 'pkgs'}, 'project_name': 'neat', 'host_nix_store_prefix': '/host',
                 **SCRIPTS},
    'runCachixDeploy': {'deploy': {'agents': {}}, 'async': True, 'cachix_package': 'cachix', 'inputs': ['jq'], **SCRIPTS,
                        'user_setup_script': None, 'effect_script': 'true'},
    'gitWriteBranch': {**GIT, **MODULE, 'effect_script': None, 'forge_type': 'github', 'update_branch': 'pages', 'contents': 'site',
                       'destination': 'docs',
                       'update_message': 'Update', 'allow_executable_files': False, 'base_branch': 'main', 'base_merge': True,
                       'create_pull_request': True, 'pull_request_base': 'main', 'use_gh': True, 'update_script': 'true',
                       'git_token_secret': 'token'},
    'flakeUpdate': {**GIT, 'forge_type': 'github', 'token_secret': 'neat-token', 'update_branch': 'update', 'create_pull_request': True,
                    'flake_inputs': ['nixpkgs'], 'commit_summary': 'Update', 'nix_package': 'nix', 'module': {'_nix': '{ uid = 1; }'}},
    'cargoPublish': {'secret_name': 'neat-crates', 'src': '.', 'manifest_path': 'x/Cargo.toml', 'extra_publish_args': ['--quiet'],
                     'registry_url': 'https://crates.example.net', 'assert_versions': '1.0', 'effect_name': 'crates', **SCRIPTS,
                     'secret_field': 'token'},
    'netlifyDeploy': {'content': 'site', 'site_id': 'x', 'secret_name': 'neat-site', 'secret_field': 'word', 'production_deployment': True,
                      'extra_deploy_args': ['--debug'], 'effect_name': 'site', **SCRIPTS},
    'runPutUrl': {'put_url': 'https://example.net/x', 'put_file': 'deploy.json', 'effect_name': 'put'},
    'modularEffect': {'effect_name': 'any', 'imports': [{'_nix': '{ uid = 1000; }'}], **MODULE},
    'mkEffect': {'effect_name': 'any', 'src': 'site', 'effect_script': 'true', 'inputs': ['jq'], **STATE, **SCRIPTS},
}
# What cannot stand beside something that stands there.
OTHERWISE: dict[str, dict[str, Any]] = {
    'runNixOps2': {'network_files': None, 'prebuild_only_network_files': None, 'prebuild_network_args': None,
                   'flake': {'_nix': '{ outPath = ./.; nixopsConfigurations.default = import ./nixops.nix; }'}},
    'runNixOS': {'configuration': None, 'config': {'_nix': '(import (pkgs.path + "/nixos/lib/eval-config.nix") { modules = [ ./web.nix ]; '
                                                           'system = "x86_64-linux"; }).config'},
                 'build_on_destination': True, 'ssh_destination_pkgs': {'_nix': 'pkgs'}, 'nixpkgs': None, 'system': None},
    'runNixDarwin': {'config': None, 'configuration': 'web.nix', 'nix_darwin': {'_nix': './darwin.nix'}, 'system': 'x86_64-darwin',
                     'nixpkgs': {'_nix': 'pkgs.path'}, 'pkgs': {'_nix': 'pkgs'}, 'build_on_destination': True,
                     'ssh_destination_pkgs': {'_nix': 'pkgs'}},
    'runArion': {'modules': None, 'pkgs': None, 'directory': 'services'},
    'runCachixDeploy': {'deploy': None, 'deploy_json_file': 'deploy.json'},
    'flakeUpdate': {'flake_inputs': None, 'commit_summary': None, 'flakes': {'.': {'inputs': ['nixpkgs'], 'commitSummary': 'Update'}}},
    'cargoPublish': {'secret_name': None, 'secret_field': None, 'dry_run': True, 'assert_versions': {'neat': '1.0'}},
}


def effects() -> list[dict[str, Any]]:
    """One of each function, called as it, and those that can be otherwise, with a hyphen in the name."""
    other = {name + '-': {**EFFECTS[name], **options} for name, options in OTHERWISE.items()}
    return [{'name': name.lower(), 'function': name.rstrip('-'), 'run_on': {'branches': ['main']}, **options}
            for name, options in {**EFFECTS, **other}.items()]


def test_there_is_one_of_each_function() -> None:
    assert set(EFFECTS) == set(functions.FUNCTIONS)


@pytest.mark.parametrize('name', EFFECTS)
def test_each_option_of_a_function_is_tried(name: str) -> None:
    tried = {**EFFECTS[name], **OTHERWISE.get(name, {})}
    assert set(functions.FUNCTIONS[name].options) - set(tried) == set()


@pytest.mark.parametrize('form', ['legacy', SLOW('herculesCI'), SLOW('effects')])
def test_all_functions_in_one_file(run: Run, checkout: Path, form: str) -> None:
    for name, text in FILES.items():
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text(text)
    git(checkout, 'add', '.')
    result = run(effects=effects(), form=form, validate='prebuild')
    assert not result.get('failed'), result['msg']
    found = {effect['name']: effect for effect in result['deployments'] if effect['runs']}
    assert set(found) == {effect['name'] for effect in effects()}
    assert 'nixos-system-web' in found['runnixos']['system']
    # What a plan compares with the last job: the system where one is prebuilt, else the effect. Of NixOps the state tells, and of a file
    # that is deployed as it is, nothing.
    told = {name: (effect['derivation'] or '').rpartition('/')[2].partition('-')[2] for name, effect in found.items()}
    assert re.fullmatch(r'nixos-system-web-.*\.drv', told['runnixos']) and told['mkeffect'] == 'effect-any.drv'
    assert {name for name, derivation in told.items() if not derivation} == {'runnixops', 'runnixops2', 'runnixops2-', 'runcachixdeploy-'}
    assert found['runcachixdeploy']['secrets_map'] == {'activate': 'default-cachix-activate', 'word': 'neat-word'}
    assert {name for name, effect in found.items() if effect['function']} == {'runnixops', 'runnixops2', 'runnixops2-'}


def test_a_configuration_that_does_not_evaluate_on_one_branch(run: Run, checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, 'init', '-q', '--bare', 'remote.git')
    git(checkout, 'remote', 'add', 'origin', str(tmp_path / 'remote.git'))
    (checkout / 'web.nix').write_text(FILES['web.nix'])
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'A web server')
    git(checkout, 'push', '-q', 'origin', 'main:production')
    (checkout / 'web.nix').write_text('{ networking.hostName = 80; }\n')
    git(checkout, 'commit', '-q', '-a', '-m', 'A slip')
    git(checkout, 'push', '-q', 'origin', 'main:staging')
    git(checkout, 'reset', '-q', '--hard', 'HEAD~1')
    web = {'name': 'web', 'function': 'runNixOS', 'run_on': {'branches': ['production', 'staging']}, **EFFECTS['runNixOS']}
    result = run(effects=[web], validate='prebuild', remote='origin', branches=['production', 'staging'])
    (problem,) = result['broken']['staging']
    assert problem['what'] == 'The option networking.hostName has a value of the wrong type.'
    assert problem['where'] == 'effect web: origin/staging:web.nix'
    assert [(effect['ref'], 'nixos-system-web' in effect['system']) for effect in result['deployments'] if effect['runs']] == [
        ('refs/heads/production', True)]


def test_a_branch_without_a_file_of_what_runs_there(run: Run, checkout: Path, tmp_path: Path) -> None:
    """It is told as such, and what Nix makes of the other branches is known."""
    git(tmp_path, 'init', '-q', '--bare', 'remote.git')
    git(checkout, 'remote', 'add', 'origin', str(tmp_path / 'remote.git'))
    git(checkout, 'push', '-q', 'origin', 'main:staging')
    (checkout / 'web.nix').write_text(FILES['web.nix'])
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'A web server')
    (checkout / 'notes').write_text('of no concern\n')
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'Notes')
    git(checkout, 'push', '-q', 'origin', 'main:production')
    git(checkout, 'reset', '-q', '--hard', 'HEAD~1')
    web = {'name': 'web', 'function': 'runNixOS', 'run_on': {'branches': ['production', 'staging']}, **EFFECTS['runNixOS']}
    result = run(effects=[web], validate='evaluate', remote='origin', branches=['production', 'staging'])
    (problem,) = result['broken']['staging']
    assert problem['what'] == 'The branch does not have files that ci.nix refers to.'
    assert (problem['where'], problem['found']) == ('staging of origin', 'nothing at web.nix')
    assert [effect['ref'] for effect in result['deployments'] if effect['runs']] == ['refs/heads/production']


def test_a_configuration_of_a_flake(run: Run, checkout: Path) -> None:
    """The file of effects gets the flake of the checkout where code speaks of it."""
    (checkout / 'flake.nix').write_text('''{
      outputs = { self }: {
        nixosConfigurations.web = {
          _type = "configuration";
          _module.args.pkgs = { };
          config.environment.systemPackages = [ ];
          config.system.build.toplevel = derivation { name = "nixos-system-web-1"; system = "x86_64-linux"; builder = "/bin/sh"; };
        };
      };
    }
    ''')
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'A flake')
    web = {'name': 'web', 'function': 'runNixOS', 'run_on': {'branches': ['main']},
           'configuration': {'_nix': 'self.nixosConfigurations.web'},
           'ssh_destination': 'root@web.example.net', 'user_setup_script': LOGIN, 'secrets_map': {'ssh': 'neat-ssh'}}
    result = run(effects=[web], validate='prebuild')
    assert not result.get('failed'), result['msg']
    assert (result['form'], result['file']) == ('effects', 'effects.nix')
    assert '{ pkgs, effects, src, self }:' in result['content']
    (deployed,) = (effect for effect in result['deployments'] if effect['runs'])
    assert deployed['system'].endswith('-nixos-system-web-1')
    plain = run(effects=[{**web, 'configuration': 'nixops.nix', 'user_setup_script': LOGIN + ' # self.x'}], validate='none')
    assert '{ pkgs, effects, src }:' in plain['content']
