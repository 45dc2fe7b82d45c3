# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The program nixops, used for one thing only: `nixops export`. Other commands write, `nixops list` of NixOps 2 among them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import IO, Any

from .._files import hidden_file
from .._git.repository import cleaned_environment
from .._problems import Failure, fail
from .._programs import run_program
from .state import State, state_of

SAYINGS = {
    'could not find specified deployment': 'Check the name with the database: nixops list would change it',
    'contains multiple deployments': 'Give the UUID of the deployment',
    'unknown resource type': 'Install the plugin of NixOps for this type, or leave nixops_program out: the database needs no plugin',
    'database is locked': 'Wait until the other nixops is done, or leave nixops_program out: reading the database needs no lock',
    'unable to open database file': 'Check the path and the permissions of the database',
    'file is not a database': 'Point to the file that NixOps writes, usually ~/.nixops/deployments.nixops',
    'to deal with schema version': 'Use the version of NixOps that wrote the database',
    'state provider': 'Install the plugin for the storage that the network declares',
    'storage provider plugin': 'Install the plugin for the storage that the network declares',
    'exists in': 'Set nixops_directory to the folder that holds nixops.nix or flake.nix',
    'should have extension': 'Rename the database to something.nixops',
}
"""What NixOps says at the end of a traceback, and what to do about it."""


def export_with_program(options: Mapping[str, Any], wanted: str, file: IO[bytes]) -> State:
    """What the program exports. Options as of nixops_state; raises Failure in place of its tracebacks."""
    program, database = options['nixops_program'], options['database']
    if database and not os.path.exists(database):  # NixOps would make an empty one
        raise fail('There is no database.', where=database, remedy='Check the path')
    command = [program, 'export', '--deployment=%s' % wanted]
    if database and _has_option_state(options):
        command += ['--state', database]
    environment = {**cleaned_environment(), 'PYTHONIOENCODING': 'utf-8', **({'NIXOPS_STATE': database} if database else {})}
    with hidden_file() as messages:
        status = _run(options, command, environment, file, messages)
        if status != 0:
            raise _failure(command, status, messages)
    return state_of(file, 'the output of %s export' % program)


def _has_option_state(options: Mapping[str, Any]) -> bool:
    """Whether this is NixOps 1. Both kinds say anything about their version, and 1.7-unstable of nixpkgs is a 2."""
    with hidden_file() as output, hidden_file() as messages:
        _run(options, [options['nixops_program'], 'export', '--help'], cleaned_environment(), output, messages)
        output.seek(0)
        return b'--state' in output.read()


def _run(options: Mapping[str, Any], command: list[str], environment: dict[str, str], output: IO[bytes], messages: IO[bytes]) -> int:
    try:
        return run_program(
            command,
            cwd=options['nixops_directory'],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=messages,
            timeout=options['nixops_timeout'],
        ).returncode
    except subprocess.TimeoutExpired:
        raise fail(
            'NixOps did not finish in time.',
            where=' '.join(command),
            expected='an export within %d seconds' % options['nixops_timeout'],
            remedy='See whether another nixops has locked the database, or leave nixops_program out: reading the database needs no lock',
        ) from None
    except OSError as error:
        raise fail('NixOps cannot be run.', where=' '.join(command), found='%s: %s' % (error.filename, error.strerror)) from None


def _failure(command: list[str], status: int, messages: IO[bytes]) -> Failure:
    """The last line of a traceback is what NixOps has to say; what is above may quote anything."""
    messages.seek(max(0, messages.seek(0, os.SEEK_END) - 4096))
    lines = messages.read().decode('utf-8', 'replace').splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), 'nothing')
    said = last.partition(': ')[2] if last.partition(': ')[0].endswith(('Exception', 'Error', 'UnknownBackend')) else last
    remedy = next((remedy for part, remedy in SAYINGS.items() if part in said), 'Run the command by hand, in the same folder')
    where = '%s, exit code %d' % (' '.join(command), status)
    return fail('NixOps could not export the deployment.', where=where, found=said[:300], remedy=remedy)
