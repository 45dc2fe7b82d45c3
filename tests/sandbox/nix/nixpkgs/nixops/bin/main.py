# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in of NixOps for the sandbox: it keeps state and evaluates networks; its machines are invented.

This is version 1.7. An effect runs it eight times: modules that only version 2.x needs are imported in storage.py, which is that version.
"""

import argparse
import json
import os
import sys

import machines
import network
import state_files
from deploy import deploy, say


def create(state, options):
    key = state_files.create(state, options.deployment)
    set_files(state[key], options)
    print('created deployment \u2018%s\u2019' % key, file=sys.stderr)
    print(key)


def modify(state, options):
    set_files(state[state_files.find(state, options.deployment)], options)


def set_files(deployment, options):
    """Version 1 keeps which files the network is made of."""
    if options.generation == 1 and not options.files:
        raise SystemExit('Exception: you must specify the path to a Nix expression and/or use \u2018-t\u2019')
    if options.generation == 1:
        deployment['nixExprs'] = json.dumps([os.path.abspath(file) for file in options.files])


def set_args(state, options):
    deployment = state[state_files.find(state, options.deployment)]
    arguments = dict(json.loads(deployment.pop('args', '{}')), **dict(options.arg))
    if arguments:
        deployment['args'] = json.dumps(arguments)


def import_state(state, options):
    for key, attributes in state_files.load_export(sys.stdin.read()).items():
        state_files.enter(state, key, attributes)
        print('added deployment \u2018%s\u2019' % key, file=sys.stderr)
        for machine in attributes['resources'].values() if options.include_keys else ():
            machines.remember_host(machine)


def export(state, options):
    key = state_files.find(state, options.deployment)
    print(state_files.export_text({key: state[key]}, options.generation))


def check(state, options):
    healthy = True
    deployment = state[state_files.find(state, options.deployment)]
    for name, machine in sorted(machines.machines_of(deployment).items()):
        status = machines.status(machine)
        say(name, status)
        healthy = healthy and status in ('Up', 'Unknown')
    if not healthy:
        raise SystemExit(1)


def parser(generation):
    whole = argparse.ArgumentParser(prog='nixops')
    whole.add_argument('--version', action='store_true')
    whole.set_defaults(generation=generation)
    commands = whole.add_subparsers()

    def command(name, function, writes=True):
        sub = commands.add_parser(name)
        sub.add_argument('-d', dest='deployment', default=os.environ.get('NIXOPS_DEPLOYMENT', os.environ.get('CHARON_DEPLOYMENT')))
        sub.set_defaults(function=function, writes=writes)
        return sub

    for name, function in (('create', create), ('modify', modify)):
        command(name, function).add_argument('files', nargs='*')
    command('set-args', set_args).add_argument('--arg', nargs=2, action='append', default=[])
    command('import', import_state).add_argument('--include-keys', action='store_true')
    command('export', export, writes=False)
    # Version 2 keeps what it found, under an exclusive lock.
    command('check', check, writes=generation == 2)
    sub = command('deploy', deploy)
    for flag in ('confirm', 'kill-obsolete', 'allow-reboot', 'allow-recreate', 'dry-run', 'plan-only', 'build-only', 'create-only',
                 'copy-only', 'dry-activate', 'test', 'boot'):
        sub.add_argument('--' + flag, action='store_true')
    for flag in ('include', 'exclude'):
        sub.add_argument('--' + flag, nargs='+', default=[])
    return whole


def main(keeper):
    """keeper: what reads and writes the state."""
    generation = network.GENERATION
    whole = parser(generation)
    options = whole.parse_args()
    if options.version:
        print('NixOps 1.7' if generation == 1 else 'NixOps 2.0.0', file=sys.stderr if generation == 1 else sys.stdout)
    elif not hasattr(options, 'function'):
        whole.error('a command is required')
    else:
        with keeper(options.writes) as state:
            options.function(state, options)


if __name__ == '__main__':
    main(state_files.Local)
