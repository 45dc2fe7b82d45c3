# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in of hercules-ci-effects accepts and refuses what the real library does, and makes the same values of it.

verdicts.json has what the real one said of calls of its functions.
"""

from __future__ import annotations

import concurrent.futures
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.evaluation import EvaluationError, Nix
from tests.sandbox.pins import NIX
from tests.support.surroundings import FIXTURES

PARAMETERS = FIXTURES / 'effects' / 'parameters.json'
CASES: list[dict[str, Any]] = json.loads((FIXTURES / 'effects' / 'verdicts.json').read_text(encoding='utf-8'))
FILES = {
    'network.nix': '{ ... }: { network.description = "n"; web.deployment.targetEnv = "none"; }',
    'nixops.nix': '{ network.storage.hercules-ci.stateName = "s"; network.lock.hercules-ci.stateName = "s"; web = { }; }',
    'arion-compose.nix': '{ }',
    'arion-pkgs.nix': 'import %s/nixpkgs { system = "x86_64-linux"; }' % NIX,
}
JUDGE = '''
let
  pkgs = import %(nix)s/nixpkgs { system = "x86_64-linux"; overlays = [ (import %(nix)s/effects/overlay.nix) ]; };
  inherit (pkgs) lib;
  inherit (pkgs.effects) runIf;
  isEffect = value: builtins.isAttrs value && value ? drvPath;
  judge = value:
    let
      on = runIf true value;
      off = runIf false value;
    in
    if !isEffect value then
      { accepted = true; derivation = false; }
    else
      builtins.seq on.run.drvPath (builtins.seq off.dependencies.drvPath {
        accepted = true;
        run = builtins.attrNames on;
        otherwise = builtins.attrNames off;
        inherit (on.run) name;
        secrets_map = on.run.secretsMap or "-";
        prebuilt = if on ? prebuilt then builtins.seq on.prebuilt.drvPath true else false;
      });
in
[ %(calls)s ]
'''


class Judge:
    """The stand-in's own verdicts."""

    def __init__(self, nix: Nix, folder: Path) -> None:
        self.nix, self.folder = nix, folder

    def together(self, cases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        calls = ' '.join('(judge (pkgs.effects.%s %s))' % (case['function'], case['arguments'].replace('SRC', str(self.folder)))
                         for case in cases)
        expression = JUDGE % {'nix': NIX, 'calls': calls}
        found: list[dict[str, Any]] = json.loads(self.nix.command('nix-instantiate', '--eval', '--strict', '--json', '-E', expression))
        return found

    def alone(self, case: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.together([case])[0]
        except EvaluationError as error:
            return {'accepted': False, 'error': str(error)}


@pytest.fixture(scope='module')
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    nix = Nix(tmp_path_factory.mktemp('nix'))
    nix.set_up()
    folder = tmp_path_factory.mktemp('source')
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding='utf-8')
    return Judge(nix, folder)


def verdict(case: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in case.items() if name not in ('function', 'arguments')}


def differences(judge: Judge, cases: Sequence[dict[str, Any]]) -> list[str]:
    """All that the real library accepts in one process; what it refuses, each alone, as most errors end an evaluation."""
    accepted = [case for case in cases if case['accepted']]
    refused = [case for case in cases if not case['accepted']]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        own = list(pool.map(judge.alone, refused))
        try:
            found = judge.together(accepted)
        except EvaluationError:
            found = list(pool.map(judge.alone, accepted))
    return ['%s %s: %s instead of %s' % (case['function'], case['arguments'], mine, verdict(case))
            for case, mine in zip([*refused, *accepted], [*own, *found])
            if {name: value for name, value in mine.items() if name != 'error'} != verdict(case)]


def test_it_judges_every_call_as_the_real_library_does(judge: Judge) -> None:
    assert differences(judge, CASES) == []


def test_it_takes_the_parameters_of_the_real_library(judge: Judge) -> None:
    """Functions by their arguments, modules by their options. What a stand-in does not name it hands on."""
    real: dict[str, list[str]] = json.loads(PARAMETERS.read_text(encoding='utf-8'))
    plain = [name for name in real if name not in ('gitWriteBranch', 'modularEffect')]
    named = ''.join('"%s" ' % name for name in plain)
    expression = '''
      let
        pkgs = import %(nix)s/nixpkgs { system = "x86_64-linux"; overlays = [ (import %(nix)s/effects/overlay.nix) ]; };
        inherit (pkgs) lib;
        options = path: set: builtins.concatMap
          (name: let path' = path ++ [ name ]; in
            if name == "_module" then [ ]
            else if (set.${name})._type or null == "option" then [ (builtins.concatStringsSep "." path') ] else options path' set.${name})
          (builtins.attrNames set);
        module = modules: options [ ] (lib.evalModules {
          modules = [ { _module.args.pkgs = pkgs; } %(nix)s/effects/modules/effect.nix ] ++ modules;
          specialArgs.hci-effects = pkgs.effects;
        }).options;
      in
      lib.genAttrs [ %(named)s ] (name: builtins.attrNames (builtins.functionArgs pkgs.effects.${name})) // {
        modularEffect = module [ ];
        gitWriteBranch = module [ %(nix)s/effects/modules/write-branch.nix ];
      }''' % {'nix': NIX, 'named': named}
    found = json.loads(judge.nix.command('nix-instantiate', '--eval', '--strict', '--json', '-E', expression))
    missing = {name: sorted(set(names) - set(found[name])) for name, names in real.items()}
    assert not any(missing.values()), missing


NETWORK = '''{ ... }: {
  network.description = "n";
  network.storage.hercules-ci.stateName = "s.nixops";
  network.lock.hercules-ci = { stateName = "s.nixops"; project = "github/neat-org/neat-repo"; };
  resources.ec2KeyPairs.key.region = "eu-west-1";
  web = { resources, ... }: {
    deployment.targetEnv = "ec2";
    deployment.ec2 = { region = "eu-west-1"; keyPair = resources.ec2KeyPairs.key; };
  };
  db = { };
}'''
# What is asked of an effect, and the answers.
ASKED = {
    'effect.NIXOPS_DEPLOYMENT': 'foo',
    'effect.networkFiles': ['whole.nix'],
    'info.network.storage.hercules-ci.stateName': 's.nixops',
    'info.network.lock': {'hercules-ci': {'stateName': 's.nixops', 'project': 'github/neat-org/neat-repo'}},
    'lib.mapAttrs (_: machine: machine.config.deployment.targetEnv) nodes': {'db': 'none', 'web': 'ec2'},
    'lib.mapAttrs (_: machine: machine.targetEnv) info.machines': {'db': 'none', 'web': 'ec2'},
    'info.machines.web.ec2.keyPair': 'charon-00000000-0000-0000-0000-000000000000-key',
    'info.machines.web.publicIPv4': None,
    'info.machines.db.ec2': {},
    'nodes.db.config.networking.hostName': 'db',
    'nodes.db.config.deployment.ec2.accessKeyId': '',
    'lib.attrNames (lib.filterAttrs (_: found: found != { }) info.resources)': ['ec2KeyPairs'],
    'info.resources.ec2KeyPairs.key.accessKeyId': '',
    'info.resources.ec2KeyPairs.key._type': 'ec2-keypair',
    'info.resources.elasticIPs': {},
    'machineInfo.network.network': [{'description': 'n', 'storage': {'hercules-ci': {'stateName': 's.nixops'}}, 'lock': {
        'hercules-ci': {'stateName': 's.nixops', 'project': 'github/neat-org/neat-repo'}}}],
    'map (lib.hasSuffix "-nixos-system-web-${lib.version}") [ "${nodes.web.config.system.build.toplevel}" ]': [True],
}
OF_ONE = {'effect.stateName': 'nixops-foo.json', 'effect.knownHostsName': 'nixops-foo.known_hosts',
          'info.machines.web.storeKeysOnMachine': False}
OF_TWO = {'info.machines.web.targetUser': 'root', 'info.machines.web.provisionSSHKey': True, 'effect ? stateName': False}


@pytest.mark.parametrize(('function', 'parameters', 'asked'), [
    ('runNixOps', '', {**ASKED, **OF_ONE}),
    ('runNixOps', 'stateName = ""; NIXOPS_DEPLOYMENT = null;', {'effect.stateName': '', 'effect.NIXOPS_DEPLOYMENT': None}),
    ('runNixOps2', 'nixops = pkgs.nixops_unstable_minimal;', {**ASKED, **OF_TWO}),
])
def test_an_effect_tells_of_its_network_what_the_real_one_tells(
        judge: Judge, function: str, parameters: str, asked: dict[str, Any]) -> None:
    (judge.folder / 'whole.nix').write_text(NETWORK, encoding='utf-8')
    names = list(asked)
    expression = '''
      let
        pkgs = import %(nix)s/nixpkgs { system = "x86_64-linux"; overlays = [ (import %(nix)s/effects/overlay.nix) ]; };
        inherit (pkgs) lib;
        effect = pkgs.effects.%(function)s { name = "foo"; src = %(folder)s; networkFiles = [ "whole.nix" ]; %(parameters)s };
        inherit (effect.prebuilt) machineInfo nodes;
        inherit (machineInfo) info;
      in [ %(asked)s ]
    ''' % {'nix': NIX, 'function': function, 'folder': judge.folder, 'parameters': parameters,
           'asked': ' '.join('(%s)' % name for name in names)}
    found = json.loads(judge.nix.command('nix-instantiate', '--eval', '--strict', '--json', '--read-write-mode', '-E', expression))
    assert dict(zip(names, found)) == asked
