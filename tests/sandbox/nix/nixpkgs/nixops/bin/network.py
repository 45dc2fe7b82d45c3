# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evaluates networks with nix-instantiate and the <nixpkgs> of NIX_PATH, which is the stand-in."""

import json
import os
import subprocess

GENERATION = int(os.environ.get('NIXOPS_GENERATION', '1'))
EXPRESSION = '''
let
  pkgs = import <nixpkgs> { system = "x86_64-linux"; };
  evaluated = import <nixpkgs/nixops/eval-machine-info.nix> {
    inherit pkgs;
    networkExprs = [ %(files)s ];
    deploymentName = %(name)s;
    uuid = "%(uuid)s";
    args = { %(arguments)s };
    generation = %(generation)s;
  };
in evaluated.%(attribute)s
'''


def quoted(text):
    return json.dumps(text, ensure_ascii=False).replace('${', '\\${')


def instantiate(expression):
    result = subprocess.run(['nix-instantiate', '--eval', '--strict', '--json', '-E', expression], stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise SystemExit('error: evaluation of the deployment specification failed')
    return json.loads(result.stdout)


def network_file():
    """The expression of the network in the working directory, as NixOps 2.x finds it."""
    found = [name for name in ('nixops.nix', 'flake.nix') if os.path.exists(name)]
    if not found:
        raise SystemExit('ValueError: Neither flake.nix nor nixops.nix exists in %s' % os.getcwd())
    if len(found) > 1:
        raise SystemExit('ValueError: Both flake.nix and nixops.nix cannot coexist in %s' % os.getcwd())
    path = os.path.abspath(found[0])
    return path if found[0] == 'nixops.nix' else '((import %s).outputs { self = { }; }).nixopsConfigurations.default' % path


def settings():
    """The part of a NixOps 2.x network that tells where its state is."""
    return instantiate(EXPRESSION % {
        'files': '(%s)' % network_file(), 'name': '""', 'uuid': '', 'arguments': '', 'attribute': 'info.network', 'generation': 2})


def evaluate(key, deployment, attribute, known_machines=()):
    """A part of the evaluated network, with what is known of its machines as one more network file."""
    known = {}
    for name, machine in known_machines:
        addresses = {'privateIPv4': machine.get('privateIpv4'), 'publicIPv4': machine.get('publicIpv4')}
        known[name] = {'networking': {option: value for option, value in addresses.items() if value}}
    with open('physical.nix', 'w', encoding='utf-8') as file:
        file.write("builtins.fromJSON ''%s''" % json.dumps(known).replace("''", "'''"))
    files = [network_file()] if GENERATION == 2 else json.loads(deployment['nixExprs'])
    arguments = json.loads(deployment.get('args', '{}'))
    return instantiate(EXPRESSION % {
        'files': ' '.join('(%s)' % file for file in [*files, os.path.abspath('physical.nix')]), 'name': quoted(deployment.get('name', '')),
        'uuid': key, 'arguments': ' '.join('%s = %s;' % item for item in arguments.items()), 'attribute': attribute,
        'generation': GENERATION})
