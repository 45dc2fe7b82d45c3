# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's command line: `python -m tests.sandbox --help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.sandbox import jobs, pins, repository
from tests.sandbox.faults import KINDS, Fault
from tests.sandbox.messages import HTTPFailure
from tests.sandbox.server import Sandbox
from tests.sandbox.service import Service
from tests.sandbox.settings import change
from tests.sandbox.signals import expect_the_end


def serve(options: argparse.Namespace) -> None:
    wait_for_the_end = expect_the_end()
    with Sandbox(options.data, options.port, options.token) as sandbox:
        print(sandbox.url)
        print('token: %s' % sandbox.token, flush=True)
        wait_for_the_end()


def add_project(options: argparse.Namespace) -> None:
    Service(options.data).add_project(options.path, options.repository, options.default_branch, options.public)


def add_agent(options: argparse.Namespace) -> None:
    Service(options.data).add_agent(options.name, options.secrets)


def pushed(options: argparse.Namespace) -> None:
    """Make the job of a ref that moved, which waits for a server; those that a server hears of need no command."""
    service = Service(options.data)
    project = service.find_project(*options.project.split('/'))
    if project['enabled'] and options.rev != repository.DELETED:
        jobs.create(service.store, service.clock, project, typ='Config', ref=options.ref,
                    commit=repository.commit(project['repository'], options.rev))


def show(options: argparse.Namespace) -> None:
    summary = Service(options.data).summary()
    print(json.dumps(summary, indent=2) if options.json else '\n'.join(text_of(summary)))


def text_of(summary: dict[str, Any]) -> list[str]:
    """The summary for people, line by line."""
    lines = []
    for project in summary['projects']:
        lines.append('Project %s' % project['path'])
        for name, versions in project['states'].items():
            lines.append('  State file %s' % name)
            lines += ['    version %(version)d, %(size)s bytes, %(creationTime)s, by ' % item + (
                'job %d' % item['job'] if item['job'] else item['uploader'] or 'nobody') for item in versions]
        lines += ['  Lock %s: %s, until %s' % (item['name'], item['description'] or 'no description', item['expirationTime'])
                  for item in project['locks']]
        for job in project['jobs']:
            lines.append('  Job %d: %s %s, %s at %s: %s, %s' % (
                job['index'], job['jobType'], job['jobName'] or '-', job['ref'], job['rev'][:7], job['jobPhase'], job['jobStatus']))
            for effect in job['effects']:
                lines.append('    Effect %s: %s' % (effect['attribute'], effect['status']))
                lines += ['      %(action)s: %(resource)s, %(type)s, %(vmId)s' % item for item in effect['deployed'] if item['resource']]
                lines += ['      | %s' % line for log in effect['logs'] for line in log]
    lines += ['Agent %s: secrets %s' % (agent['name'], ', '.join(agent['secrets']) or agent.get('problem', 'none'))
              for agent in summary['agents']]
    return lines or ['There is nothing yet.']


def make_pins(options: argparse.Namespace) -> None:
    print(json.dumps(pins.make(options.data), indent=2))


def add_fault(options: argparse.Namespace) -> None:
    faults = Service(options.data).faults
    if options.clear:
        faults.clear()
    if options.kind:
        faults.add(Fault(options.kind, options.method, options.path, options.skip, options.times, json.loads(options.options)))
    print(json.dumps(faults.waiting(), indent=2))


def fail_effect(options: argparse.Namespace) -> None:
    Service(options.data).set_failing_effects({options.attribute: options.message} if options.attribute else {})


def set_settings(options: argparse.Namespace) -> None:
    changes = {}
    for assignment in options.assignments:
        name, _equals, value = assignment.partition('=')
        try:
            changes[name] = json.loads(value)
        except ValueError:
            changes[name] = value
    print(change(Service(options.data).store, changes))


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog='python -m tests.sandbox', description='A local Hercules CI, for tests and first tries.')
    commands = whole.add_subparsers(required=True)

    def command(words: str, function: Any, help_text: str, parent: Any = commands) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = parent.add_parser(words, help=help_text, description=help_text)
        sub.add_argument('--data', type=Path, required=True, help='folder for all that the sandbox keeps')
        sub.set_defaults(function=function)
        return sub

    sub = command('serve', serve, 'Serve until SIGTERM. The first line of output is the URL, the second the token.')
    sub.add_argument('--port', type=int, default=0, help='0, the default, takes a free one')
    sub.add_argument('--token', help='the bearer token; by default the one made with the data')

    project = commands.add_parser('project', help='register projects').add_subparsers(required=True)
    sub = command('add', add_project, 'Register a project and let its repository report pushes.', project)
    sub.add_argument('path', metavar='SITE/ACCOUNT/PROJECT')
    sub.add_argument('--repository', type=Path, metavar='BARE.git')
    sub.add_argument('--default-branch', default='main')
    sub.add_argument('--public', action='store_true', help='jobs can be read without a token')

    agent = commands.add_parser('agent', help='register agents').add_subparsers(required=True)
    sub = command('add', add_agent, 'Register an agent, whose secrets.json is read anew for each effect.', agent)
    sub.add_argument('name')
    sub.add_argument('--secrets', type=Path, metavar='SECRETS.json')

    sub = command('pushed', pushed, 'Used by the hook of a repository where no server listens: make the job of a ref that moved.')
    for name in ('project', 'ref', 'rev'):
        sub.add_argument(name)
    sub = command('show', show, 'Show projects with their state versions, jobs and logs, and the names of agents\' secrets.')
    sub.add_argument('--json', action='store_true')
    command('pins', make_pins, 'Make tarballs of the stand-ins of nixpkgs and hercules-ci-effects; their URLs and hashes as JSON.')

    sub = command('fault', add_fault, 'Let requests fail; without a kind, show what is queued. Kinds: %s.' % ', '.join(KINDS))
    sub.add_argument('kind', nargs='?', choices=sorted(KINDS))
    sub.add_argument('--method', default='.*', help='regular expression for the whole method')
    sub.add_argument('--path', default='.*', help='regular expression for the whole path')
    sub.add_argument('--skip', type=int, default=0)
    sub.add_argument('--times', type=int, default=1, help='-1 for ever')
    sub.add_argument('--options', default='{}', help='what the kind takes besides, as JSON')
    sub.add_argument('--clear', action='store_true', help='forget the faults that are queued')
    sub = command('fail-effect', fail_effect, 'Let deploys fail in effects whose attribute path matches a pattern; without one, in none.')
    sub.add_argument('attribute', nargs='?')
    sub.add_argument('message', nargs='?', default='the sandbox was told to fail')
    sub = command('settings', set_settings, 'Show settings, after changing those that are given.')
    sub.add_argument('assignments', nargs='*', metavar='NAME=VALUE')
    return whole


def main() -> None:
    options = parser().parse_args()
    try:
        options.function(options)
    except (ValueError, OSError, HTTPFailure) as error:
        sys.exit('sandbox: %s' % error)


if __name__ == '__main__':
    main()
