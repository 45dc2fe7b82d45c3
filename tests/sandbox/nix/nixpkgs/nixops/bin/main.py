# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in of NixOps for the sandbox: it keeps state and evaluates networks; its machines are invented.

Version 1.7, or 2.x when NIXOPS_GENERATION is 2.
"""

import argparse
import json
import os
import sys
import uuid

import machines
import network
import state_files
import storage


def say(name, text):
    print('%s> %s' % (name, text), flush=True)


def create(state, options):
    key = str(uuid.uuid1())
    state[key] = {'nixExprs': expressions(options.files), 'resources': {}}
    if options.deployment:
        state[key]['name'] = options.deployment
    print('created deployment \u2018%s\u2019' % key, file=sys.stderr)
    print(key)


def expressions(files):
    return json.dumps([os.path.abspath(file) for file in files])


def modify(state, options):
    state[state_files.find(state, options.deployment)]['nixExprs'] = expressions(options.files)


def set_args(state, options):
    deployment = state[state_files.find(state, options.deployment)]
    arguments = dict(json.loads(deployment.pop('args', '{}')), **dict(options.arg))
    if arguments:
        deployment['args'] = json.dumps(arguments)


def import_state(state, options):
    for key, deployment in json.load(sys.stdin).items():
        if key in state:
            raise SystemExit('Exception: this state file already contains a deployment with UUID \u2018%s\u2019' % key)
        state[key] = deployment
        print('added deployment \u2018%s\u2019' % key, file=sys.stderr)
        for machine in deployment['resources'].values() if options.include_keys else ():
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


def deploy(state, options):
    key = state_files.find(state, options.deployment)
    deployment = state[key]
    label = deployment.get('name', key)
    wanted = network.evaluate(key, deployment, 'info')
    if options.dry_run or options.plan_only:
        for name in sorted(wanted['machines']):
            say(name, 'would be %s' % ('updated' if name in deployment['resources'] else 'created'))
        return
    if os.environ.get('SANDBOX_FAIL_DEPLOY'):
        raise SystemExit('error: ' + os.environ['SANDBOX_FAIL_DEPLOY'])
    if not options.build_only:
        machines.require_credentials(wanted['machines'])
        machines.create_missing(key, deployment, wanted, say)
    if options.create_only:
        return
    say(label, 'building all machine configurations...')
    paths = network.evaluate(key, deployment, 'paths', machines.machines_of(deployment).items())
    if options.build_only:
        return
    for name, path in sorted(paths['machines'].items()):
        say(name, 'copying closure...')
        if not options.copy_only and not options.dry_activate:
            say(name, 'activating %s' % path)
            deployment['resources'][name].update(toplevel=path, configsPath=paths['all'], state='3', sshPinged='1')
    deployment['configsPath'] = paths['all']
    say(label, 'deployment finished successfully')


def parser(generation):
    whole = argparse.ArgumentParser(prog='nixops')
    whole.add_argument('--version', action='store_true')
    whole.set_defaults(generation=generation)
    commands = whole.add_subparsers()

    def command(name, function, writes=True):
        sub = commands.add_parser(name)
        sub.add_argument('-d', dest='deployment', default=os.environ.get('NIXOPS_DEPLOYMENT') or os.environ.get('CHARON_DEPLOYMENT'))
        sub.set_defaults(function=function, writes=writes)
        return sub

    for name, function in (('create', create), ('modify', modify)):
        command(name, function).add_argument('files', nargs='*')
    command('set-args', set_args).add_argument('--arg', nargs=2, action='append', default=[])
    command('import', import_state).add_argument('--include-keys', action='store_true')
    command('export', export, writes=False)
    command('check', check, writes=False)
    sub = command('deploy', deploy)
    for flag in ('confirm', 'allow-reboot', 'allow-recreate', 'dry-run', 'plan-only', 'build-only', 'create-only', 'copy-only',
                 'dry-activate', 'test', 'boot'):
        sub.add_argument('--' + flag, action='store_true')
    return whole


def main():
    generation = int(os.environ.get('NIXOPS_GENERATION', '1'))
    whole = parser(generation)
    options = whole.parse_args()
    if options.version:
        print('NixOps 1.7' if generation == 1 else 'NixOps 2.0.0', file=sys.stderr if generation == 1 else sys.stdout)
    elif not hasattr(options, 'function'):
        whole.error('a command is required')
    else:
        keeper = state_files.Local if generation == 1 else storage.Remote
        with keeper(options.writes) as state:
            options.function(state, options)


main()
