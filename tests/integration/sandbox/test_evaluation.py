# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commits are evaluated by the agent's rules, and the stand-ins ask for what the real libraries ask."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import imports
from tests.sandbox import evaluation, pins
from tests.sandbox.evaluation import Nix, Source, path_text

DRV = 'derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; }'
EFFECT = '(%s // { isEffect = true; })' % DRV
NETWORK = '{ region ? "", ... }: { network.description = "n"; web = { pkgs, ... }: { services.x = 1; }; }'
ON_PUSH = {'kind': 'onPush', 'name': 'default', 'inputs': {}}


class Checkout:
    """Files that are evaluated as a pushed commit would be."""

    def __init__(self, folder: Path, nix: Nix) -> None:
        self.folder, self.nix, self.branch = folder, nix, 'main'
        self.pins = pins.make(nix.folder)
        self.imports = imports(self.pins)

    def source(self, **files: str) -> Source:
        self.folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (self.folder / name.replace('_', '.')).write_text(text, encoding='utf-8')
        rev = 'a' * 40
        repository = {'outPath': str(self.folder), 'ref': 'refs/heads/' + self.branch, 'rev': rev, 'shortRev': rev[:7],
                      'branch': self.branch, 'tag': None, 'owner': 'neat-org', 'name': 'neat-repo'}
        return Source(self.nix, self.folder, repository, {'apiBaseUrl': 'http://127.0.0.1', 'ciSystems': None})

    def found(self, ci: str, handler: Any = None, **files: str) -> dict[str, str]:
        """Attribute paths to their types, or to the first line of the error."""
        attributes = self.source(ci_nix=ci, **files).attributes(handler)
        return {path_text(item.path): item.error.split('\n')[0] if item.error else item.typ for item in attributes}

    def network(self, parameters: str, network: str = NETWORK, function: str = 'runNixOps', **files: str) -> dict[str, str]:
        """What an effect on the branch main makes of parameters."""
        return self.found('{ src ? { ref = null; } }: let %s in { net = runIf (src.ref == "refs/heads/main") (%s { %s }); }' % (
            self.imports, function, parameters), network_nix=network, **files)


@pytest.fixture(scope='module')
def nix(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    """One store for all tests, so that the pins are unpacked once."""
    made = Nix(tmp_path_factory.mktemp('nix'))
    made.set_up()
    return made


@pytest.fixture
def checkout(tmp_path: Path, nix: Nix) -> Checkout:
    return Checkout(tmp_path / 'source', nix)


def test_a_store_takes_little_room(tmp_path: Path) -> None:
    Nix(tmp_path).set_up()
    assert sum(path.stat().st_size for path in tmp_path.rglob('*')) < 1e6


def test_the_root_and_sets_that_ask_for_it_are_visited(checkout: Checkout) -> None:
    ci = '{ a = %(drv)s; b.c = %(drv)s; d = { recurseForDerivations = true; e = %(effect)s; "f.g" = %(drv)s; }; }'
    assert checkout.found(ci % {'drv': DRV, 'effect': EFFECT}) == {'a': 'Regular', 'd.e': 'Effect', 'd."f.g"': 'Regular'}


def test_folders_may_be_called_anything(tmp_path: Path, nix: Nix, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = tmp_path / 'a clone of é' / 'agent'
    shutil.copytree(evaluation.WALK.parent, agent)
    monkeypatch.setattr(evaluation, 'WALK', agent / 'walk.nix')
    assert Checkout(tmp_path / 'some ${source}', nix).found('{ a = %s; }' % DRV) == {'a': 'Regular'}


def test_functions_are_called_with_src_only(checkout: Checkout) -> None:
    wanted = '"${src.ref} ${src.owner} ${toString src.tag}" == "refs/heads/main neat-org "'
    assert checkout.found('{ src ? { ref = null; }, x ? 1 }: if %s then { a = %s; } else { }' % (wanted, DRV)) == {'a': 'Regular'}
    assert checkout.found('src: { a = %s; }' % DRV) == {}
    assert "without required argument 'pkgs'" in checkout.found('{ src, pkgs }: { a = 1; }')['']


def test_nothing_outside_can_be_read(checkout: Checkout) -> None:
    assert "file 'nixpkgs' was not found" in checkout.found('{ a = import <nixpkgs>; }')['a']
    assert 'forbidden in restricted mode' in checkout.found('{ a = import /etc/passwd; }')['a']


def test_one_broken_attribute_does_not_hide_the_others(checkout: Checkout) -> None:
    found = checkout.found('{ a = %s; b = { recurseForDerivations = true; c = { }.missing; d = %s; }; }' % (DRV, DRV))
    assert found == {'a': 'Regular', 'b.c': "error: attribute 'missing' missing", 'b.d': 'Regular'}


def test_handlers_of_the_attribute_form(checkout: Checkout) -> None:
    source = checkout.source(ci_nix='''{ herculesCI = { branch, primaryRepo, ... }: {
      onPush.default.outputs = { ... }: { effects.deploy = if branch == "main" then %(effect)s else { }; packages.a.b = %(drv)s; };
      onPush.off = { enable = false; outputs = { }; };
      onPush.wrong.outputs = { deploy = %(effect)s; skipped = { _type = "x"; a = %(drv)s; }; };
      onSchedule.nightly = { when.hour = 3; outputs = { effects.clean = %(effect)s; }; };
    }; }''' % {'drv': DRV, 'effect': EFFECT})
    configuration = source.configuration()
    assert configuration is not None
    assert (sorted(configuration['onPush']), configuration['onSchedule']['nightly']['when']) == (['default', 'wrong'], {'hour': 3})

    def types(handler: dict[str, Any]) -> dict[str, str]:
        return {path_text(item.path): item.error or item.typ for item in source.attributes(handler)}

    assert types(ON_PUSH) == {'effects.deploy': 'Effect', 'packages.a.b': 'Regular'}
    assert types({'kind': 'onSchedule', 'name': 'nightly'}) == {'effects.clean': 'Effect'}
    assert types({'kind': 'onPush', 'name': 'wrong'}) == {
        'deploy': 'This derivation is marked as an effect, but effects are only allowed below the effects attribute.'}


def test_the_legacy_form_has_no_handlers(checkout: Checkout) -> None:
    assert checkout.source(ci_nix='{ }').configuration() is None


def test_files_are_found_in_the_agents_order(checkout: Checkout) -> None:
    assert 'Could not find any of nix/ci.nix, ci.nix, flake.nix or default.nix' in str(checkout.source().attributes()[0].error)
    assert [item.path for item in checkout.source(default_nix='{ d = %s; }' % DRV).attributes()] == [('d',)]
    assert [item.path for item in checkout.source(ci_nix='{ c = %s; }' % DRV).attributes()] == [('c',)]
    (checkout.folder / 'nix').mkdir()
    (checkout.folder / 'nix' / 'ci.nix').write_text('{ }', encoding='utf-8')
    assert 'expecting only one of nix/ci.nix or ci.nix' in str(checkout.source().attributes()[0].error)


def test_run_if_deploys_on_its_branch_and_evaluates_on_others(checkout: Checkout) -> None:
    parameters = 'name = "foo"; src = lib.cleanSource ./.; networkArgs.region = "r"; NIX_PATH = "a=b"; inputs = [ pkgs.jq ];'
    assert checkout.network(parameters) == {'net.prebuilt': 'Regular', 'net.run': 'Effect'}
    checkout.branch = 'other'
    assert checkout.network(parameters) == {'net.dependencies': 'DependenciesOnly', 'net.prebuilt': 'Regular'}


def test_the_derivation_says_all_that_an_agent_needs(checkout: Checkout) -> None:
    parameters = ('name = "foo"; src = ./.; secretsMap.aws = "neat-aws"; userSetupScript = "writeAWSSecret"; action = "plan"; '
                  'deployOnlyNetworkFiles = [ "a.nix" "b.nix" ];')
    checkout.network(parameters)
    run = next(item for item in checkout.source().attributes() if item.path == ('net', 'run'))
    assert run.drv is not None
    environment = checkout.nix.derivation(run.drv).environment
    expected = {'name': 'effect-nixops-foo', 'stateName': 'nixops-foo.json', 'knownHostsName': 'nixops-foo.known_hosts', 'action': 'plan',
                'secretsMap': '{"aws":"neat-aws"}', 'userSetupScript': 'writeAWSSecret', 'NIXOPS_DEPLOYMENT': 'foo', 'isEffect': '1',
                'networkFiles': 'network.nix', 'deployOnlyNetworkFiles': 'a.nix b.nix'}
    assert {name: environment[name] for name in expected} == expected


def test_a_derivation_is_read_whatever_its_strings_hold(checkout: Checkout) -> None:
    odd = {'brackets': '([)] ("', 'escapes': 'a\\ \\n "b" \n\r\tc ${d} \\', 'letters': 'ä 漢 \x01', 'empty': ''}
    expression = r'with builtins; let odd = fromJSON (readFile ./odd.json); in derivation (odd // { name = "x"; system = "x86_64-linux"; '
    expression += r'builder = "b\"("; args = attrValues odd; })'
    (attribute,) = checkout.source(ci_nix='{ x = %s; }' % expression, odd_json=json.dumps(odd)).attributes()
    assert attribute.drv is not None
    derivation = checkout.nix.derivation(attribute.drv)
    assert {name: derivation.environment[name] for name in odd} == odd
    assert (derivation.builder, sorted(derivation.arguments)) == ('b"(', sorted(odd.values()))


@pytest.mark.parametrize(('parameters', 'error'), [
    ('name = "foo";', "without required argument 'src'"),
    ('src = ./.;', "without required argument 'name'"),
    ('name = "foo"; src = ./.; networkFile = [ ];', 'Effect'),
    ('name = "foo"; src = ./.; networkFiles = "network.nix";', 'value is a string while a list was expected'),
    ('name = "foo"; src = ./.; networkArg = { };', 'cannot coerce a set to a string'),
    ('name = "foo"; src = ./.; action = "deploy";', "the action 'deploy' is none of boot, build,"),
    ('name = "foo"; src = ./.; networkFiles = [ "missing.nix" ];', 'No such file or directory'),
])
def test_parameters_of_run_nixops_are_checked(checkout: Checkout, parameters: str, error: str) -> None:
    assert error in ' '.join(checkout.network(parameters).values())


@pytest.mark.parametrize(('network', 'error'), [
    ('{ ... }: { web = { config, ... }: { services.x = config.networking.privateIPv4; }; }',
     "The option `networking.privateIPv4' is used but not defined."),
    ('{ ... }: { web = { deployment.ec3.region = "r"; }; }', "The option `deployment.ec3' does not exist. Definition values:"),
    ('{ ... }: { web = { service.x = 1; }; }', "The option `service' does not exist. Definition values:"),
    ('{ ... }: { web = { nodes, ... }: { services.x = nodes.db.config.y; }; }', "attribute 'db' missing"),
    ('{ ... }: { web = { services.x = 1; }; defaults = { services.x = 2; }; }', "`services.x' has conflicting definition values:"),
    ('{ secret, ... }: { web = { services.x = secret; }; }', "called without required argument 'secret'"),
    ('{ ... }: { web = { resources, ... }: { deployment.ec2.keyPair = resources.ec2KeyPairs.kp; }; }', "attribute 'kp' missing"),
    ('{ ... }: { web = { nodes, ... }: { services.x = "${nodes.web.config.networking.publicIPv4}"; }; }', 'cannot coerce null to a string'),
    ('{ ... }: { web = { deployment.targetPort = "22"; }; }', "`deployment.targetPort' is not of type `signed integer'"),
])
def test_prebuild_evaluates_the_network(checkout: Checkout, network: str, error: str) -> None:
    assert error in checkout.network('name = "foo"; src = ./.;', network)['net.prebuilt']
    assert 'net.run' in checkout.network('name = "foo"; src = ./.; prebuild = false;', network)


def test_what_a_network_asserts_has_to_hold(checkout: Checkout) -> None:
    network = '{ ... }: { web = { assertions = [ { assertion = false; message = "too small"; } ]; }; }'
    checkout.network('name = "foo"; src = ./.;', network)
    problems = [item.error for item in checkout.source().attributes() if item.path == ('net', 'prebuilt')]
    assert problems
    assert all('Failed assertions:' in str(problem) and '- too small' in str(problem) for problem in problems)


def test_a_stub_fills_in_what_prebuild_cannot_know(checkout: Checkout) -> None:
    network = '{ ... }: { web = { nodes, ... }: { services.x = nodes.db.config.networking.privateIPv4; }; db = { }; }'
    stub = '{ ... }: { db = { lib, ... }: { networking.privateIPv4 = lib.mkDefault "10.0.0.1"; }; }'
    parameters = 'name = "foo"; src = lib.cleanSource ./.; prebuildOnlyNetworkFiles = [ "stub.nix" ];'
    assert checkout.network(parameters, network, stub_nix=stub) == {'net.prebuilt': 'Regular', 'net.run': 'Effect'}


FILES = 'networkFiles = [ "network.nix" ]; src = ./.;'
NIXOPS2 = 'nixops = pkgs.nixops_unstable_minimal;'
STORED = '{ network.storage.hercules-ci.stateName = "s"; web = { }; }'


@pytest.mark.parametrize(('parameters', 'network', 'error'), [
    (FILES, STORED, 'runNixOps2: nixops must be passed'),
    (NIXOPS2 + 'src = ./.;', STORED, '((flake == null) != (networkFiles == null))'),
    (NIXOPS2 + FILES + 'action = "boot";', STORED, 'parameter is disabled'),
    (NIXOPS2 + FILES, '{ web = { }; }', 'must specify a remote storage'),
    (NIXOPS2 + FILES + 'forgetState = true;', '{ web = { }; }', 'Effect'),
    ('nixops = pkgs.nixops_unstable_minimal.withPlugins (p: [ p.nixops-aws ]);' + FILES, STORED, 'Effect'),
])
def test_parameters_of_run_nixops2_are_checked(checkout: Checkout, parameters: str, network: str, error: str) -> None:
    assert error in ' '.join(checkout.network(parameters, network, 'runNixOps2').values())


@pytest.mark.parametrize(('release', 'arguments', 'error'), [
    ('nixpkgs-20.09', '', 'The nixpkgs version is too old'),
    ('nixpkgs-22.11', '', 'is marked as insecure, refusing to evaluate'),
    ('nixpkgs-22.11', 'config.permittedInsecurePackages = [ "python-2.7.18.6" ];', 'Effect'),
    ('nixpkgs-25.11', '', 'Function called without required argument "nixops"'),
    ('nixpkgs', 'confg = { };', 'unexpected argument'),
])
def test_releases_of_nixpkgs_differ(checkout: Checkout, release: str, arguments: str, error: str) -> None:
    checkout.imports = imports({**checkout.pins, 'nixpkgs': checkout.pins[release]}).replace('system =', '%s system =' % arguments)
    assert error in ' '.join(checkout.network('name = "foo"; src = ./.;').values())


@pytest.mark.parametrize('call', [
    'mkEffect { effectScript = "true"; }',
    'pkgs.effects.runNixOS { ssh.destination = "h"; configuration = { }; }',
    'pkgs.effects.runNixDarwin { ssh.destination = "h"; '
    'configuration = { _module = { }; config.system = { profile = "/p"; build.toplevel = pkgs.hello; }; }; }',
    'pkgs.effects.runCachixDeploy { deploy = { }; }',
    'pkgs.effects.runArion { name = "a"; modules = [ ]; }',
    'pkgs.effects.gitWriteBranch { git = { checkout = { remote.url = "https://u"; forgeType = "x"; }; update.branch = "b"; }; '
    'contents = ./.; }',
    'pkgs.effects.flakeUpdate { gitRemote = "https://u"; }',
    'pkgs.effects.netlifyDeploy { content = ./.; siteId = "s"; secretName = "n"; }',
    'pkgs.effects.runPutUrl { name = "n"; url = "u"; file = ./ci.nix; }',
    'pkgs.effects.modularEffect { effectScript = "true"; mounts."/m" = "mountable"; uid = 1; }',
    'pkgs.effects.cargoPublish { src = ./.; secretName = "n"; assertVersions = "1.2.3"; }',
])
def test_the_other_functions_make_effects(checkout: Checkout, call: str) -> None:
    assert checkout.found('let %s in { e = %s; }' % (checkout.imports, call)) == {'e': 'Effect'}


@pytest.mark.parametrize(('call', 'error'), [
    ('pkgs.effects.runNixOS { configuration = { }; }', "required argument 'ssh'"),
    ('pkgs.effects.runPutUrl { url = "u"; file = "f"; }', "'name'"),
    ('pkgs.effects.runCachixDeploy { }', 'deployJsonFile'),
    ('pkgs.effects.flakeUpdate { }', 'gitRemote'),
    ('pkgs.effects.gitWriteBranch { contents = ./.; }', 'git.checkout.remote.url'),
    ('mkEffect { imports = [ ]; }', 'does not support `imports`'),
])
def test_the_other_functions_want_their_parameters(checkout: Checkout, call: str, error: str) -> None:
    assert error in checkout.found('let %s in { e = %s; }' % (checkout.imports, call))['e']
