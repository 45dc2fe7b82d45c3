# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command "deploy", step by step as NixOps goes."""

import os

import machines
import network
import record
import resource_types
import state_files


def say(name, text):
    print('%s> %s' % (name, text), flush=True)


def deploy(state, options):
    key = state_files.find(state, options.deployment)
    deployment = state[key]
    label = deployment.get('name') or 'unnamed'
    definitions = definitions_of(network.evaluate(key, deployment, 'wanted'), options.generation)
    resources = choose_active(key, deployment, definitions, options, label)
    kept = [name for name in resources if machines.is_made(resources[name])]
    if not options.dry_run and not options.build_only:
        refuse_other_types(resources, definitions)
        if options.plan_only:
            for name in resources:
                say(name, 'would be %s' % ('updated' if name in kept else 'created'))
            return
        if os.environ.get('SANDBOX_FAIL_DEPLOY'):
            raise SystemExit('error: ' + os.environ['SANDBOX_FAIL_DEPLOY'])
        machines.require_credentials(definitions)
        make_missing(key, deployment, {name: item for name, item in resources.items() if is_meant(name, options)})
    if not options.create_only:
        build_and_activate(key, deployment, options, label)
    if not options.dry_run and not options.build_only:
        for name in kept:
            record.tell('kept', key, deployment, name)


def build_and_activate(key, deployment, options, label):
    say(label, 'building all machine configurations...')
    paths = network.evaluate(key, deployment, 'paths', machines.machines_of(deployment).items())
    deployment['configsPath'] = paths['all']
    if options.build_only or options.dry_run:
        return
    active = sorted(name for name in machines.machines_of(deployment) if is_meant(name, options))
    for name in active:
        say(name, 'copying closure...')
    if options.copy_only:
        return
    for name in active:
        machine, path = deployment['resources'][name], paths['machines'][name]
        say(name, 'activating %s' % path)
        if not options.dry_activate and machine.get('toplevel') != path:
            record.tell('configured', key, deployment, name)
            machine['toplevel'] = path
        if not options.dry_activate:
            machine.update(configsPath=paths['all'], state='3', sshPinged='1')
    say(label, 'deployment finished successfully')


def definitions_of(wanted, generation):
    """Types by the names of what the network has. Machines and other resources share their names, as in NixOps.

    NixOps 1.7 skips Azure.
    """
    found = dict(wanted['machines'])
    for kind, names in wanted['resources'].items():
        found.update(dict.fromkeys(names, resource_types.RESOURCES.get(kind, kind)))
    if generation == 1:
        found = {name: kind for name, kind in found.items() if not kind.startswith('azure')}
    for kind in found.values():
        if kind not in resource_types.MACHINES and kind not in resource_types.RESOURCES.values():
            raise SystemExit('nixops.deployment.UnknownBackend: unknown resource type \u2018%s\u2019' % kind)
    return found


def is_meant(name, options):
    """Whether --include and --exclude leave a machine or resource in."""
    return name not in options.exclude and (not options.include or name in options.include)


def choose_active(key, deployment, definitions, options, label):
    """Enter what is new, and mark what the network no longer has, or has again. The entries that it has."""
    resources = deployment['resources']
    for name, kind in sorted(definitions.items()):
        resources.setdefault(name, {'type': kind})
    for name in sorted(resources):
        if name not in definitions:
            say(label, 'resource \u2018%s\u2019 is obsolete' % name)
            record.tell('obsolete as before' if machines.is_obsolete(resources[name]) else 'obsolete', key, deployment, name)
            resources[name]['obsolete'] = '1'
            if options.kill_obsolete and is_meant(name, options):
                say(name, 'destroying...')
                record.tell('destroyed', key, deployment, name)
                del resources[name]
        elif machines.is_obsolete(resources[name]):
            say(label, 'resource \u2018%s\u2019 is no longer obsolete' % name)
            del resources[name]['obsolete']
            record.tell('no longer obsolete', key, deployment, name)
    for name in sorted(definitions):
        taken = {int(item['index']) for item in resources.values() if 'index' in item}
        resources[name].setdefault('index', str(next(index for index in range(len(taken) + 1) if index not in taken)))
    return {name: resources[name] for name in sorted(definitions)}


def refuse_other_types(resources, definitions):
    for name, resource in resources.items():
        if resource['type'] != definitions[name]:
            what = ('Exception: the type of resource \u2018%s\u2019 changed from \u2018%s\u2019 to \u2018%s\u2019, '
                    'which is currently unsupported')
            raise SystemExit(what % (name, resource['type'], definitions[name]))


def make_missing(key, deployment, resources):
    """Other resources first, for machines may need them."""
    for name in sorted(resources, key=lambda name: (machines.is_machine(resources[name]), name)):
        resource = resources[name]
        if not machines.is_made(resource):
            what = 'machine of type \u2018%s\u2019' if machines.is_machine(resource) else '%s'
            say(name, 'creating ' + what % resource['type'])
            machines.make(name, resource, key)
            record.tell('created', key, deployment, name)
