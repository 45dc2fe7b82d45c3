# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Run, evaluate or list effects of a checkout on this machine, with the program hci."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, Callable
from urllib.parse import urlsplit

from .._git.repository import cleaned_environment
from .._hercules_ci.client import find_base_url
from .._hercules_ci.credentials import default_credentials_file, token_in_file
from .._hercules_ci.logs import printable_line
from .._jobs.log_endings import LINES_TO_READ, reason
from .._numbers import require_sensible_numbers
from .._problems import Failure, fail
from .._project import ProjectPath
from .._refs import TAGS, full_ref
from .._secrets import document
from .._secrets.places import secrets_of_account
from .masking import Mask, MaskedLines
from .program import EVAL_SINCE, Hci, effect_arguments, version_text


def run(options: Mapping[str, Any], check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """The results of hci_effect; raises Failure."""
    require_sensible_numbers(options)
    project = ProjectPath.parse(options['project'])
    if not os.path.isdir(options['checkout']):
        raise fail('There is no checkout.', where=options['checkout'], expected='a folder with the ci.nix of %s' % project)
    domain = urlsplit(find_base_url(None, os.environ)).hostname or '' if options['api_token'] else ''
    with token_in_file(options['api_token'], domain, cleaned_environment()) as environment:  # hci asks Git, too
        return _with_program(*_prepare(options, project, environment), options, project, check_mode, warn)


def _with_program(
    hci: Hci, mask: Mask, options: Mapping[str, Any], project: ProjectPath, check_mode: bool, warn: Callable[[str], None],
) -> dict[str, Any]:
    """What the program says that is asked for."""
    version = hci.version()
    command, attribute = options['command'], options['attribute']
    if check_mode and command == 'run':
        command = 'eval'
        if (version or (0,)) < EVAL_SINCE:
            warn('hci %s cannot evaluate effects: whether %s can be run was not looked at.' % (version_text(version), attribute))
            return {'changed': True, 'version': version_text(version)}
    ref = full_ref(options['branch'], TAGS + options['tag'] if options['tag'] else options['ref'])
    arguments = effect_arguments(
        command,
        attribute=attribute if command != 'list' else None,
        project=str(project),
        ref=ref,
        token=options['token'],
        version=version,
    )
    results: dict[str, Any] = {
        'changed': options['command'] == 'run',
        'cmd': [hci.path, *arguments],
        'version': version_text(version),
    }
    try:
        found, log = (_run if command == 'run' else _query)(hci, arguments, mask, options)
        results.update(found, log=log[-options['log_lines']:] if options['log_lines'] else [])
    except subprocess.TimeoutExpired:
        what = 'hci effect %s did not end within %d seconds, and was ended.' % (command, options['run_timeout'])
        raise fail(what, options['checkout'], remedy='Give it more time with run_timeout', **results) from None
    if results['rc'] != 0:
        raise _failure(command, options, log, results)
    return results


def _prepare(options: Mapping[str, Any], project: ProjectPath, inherited: Mapping[str, str]) -> tuple[Hci, Mask]:
    """The program in its environment, and a mask of all secrets that it can read."""
    environment = dict(inherited)
    if options['secrets_file']:
        environment['HERCULES_CI_SECRETS_JSON'] = options['secrets_file']
    path = shutil.which(options['hci_program'])
    if path is None:
        remedy = 'Install it, as with nix profile install nixpkgs#hci, or set hci_program to its path'
        raise fail('The program hci is not there.', where='hci_program: %s' % options['hci_program'], remedy=remedy)
    secrets = environment.get('HERCULES_CI_SECRETS_JSON') or secrets_of_account(project, environment)
    values: list[Any] = [environment.get('HERCULES_CI_API_TOKEN', '')]
    content = _read(secrets)
    if content is not None:
        document.parse(content, secrets)  # what hci could not parse could not be masked either
        values += [secret['data'] for secret in json.loads(content, parse_int=str, parse_float=str).values()]
    elif options['secrets_file']:
        raise fail('There is no file with secrets.', where='secrets_file: %s' % secrets)
    with suppress(ValueError):  # hci will say so
        values.append(json.loads(_read(default_credentials_file(environment)) or b'""'))
    return Hci(os.path.abspath(path), options['checkout'], environment), Mask(values)


def _read(path: str) -> bytes | None:
    try:
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fail('A file with secrets cannot be read.', where=path, found=str(error.strerror)) from None


def _run(hci: Hci, arguments: tuple[str, ...], mask: Mask, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What there is to return, and the end of the log."""
    tail: deque[str] = deque(maxlen=max(options['log_lines'], LINES_TO_READ))
    with _log_file(options['log_file']) as log:

        def tell(lines: Iterable[str]) -> None:
            for masked in lines:
                if log:
                    log.write(masked)
                    log.flush()
                tail.append(printable_line(masked))

        masked_lines = MaskedLines(mask)
        try:
            code = hci.follow(arguments, options['run_timeout'], lambda line: tell(masked_lines.take(line)))
        finally:
            tell(masked_lines.end())
    return {'rc': code, **({'log_file': options['log_file']} if log else {})}, list(tail)


@contextmanager
def _log_file(path: str | None) -> Iterator[IO[str] | None]:
    """A new file that only its owner may read: one with wider permissions that is there already is replaced, not filled."""
    if path is None:
        yield None
        return
    try:
        if os.path.isfile(path):
            os.unlink(path)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), 'w', encoding='utf-8') as log:
            yield log
    except OSError as error:
        raise fail('The log cannot be written.', where='log_file: %s' % path, found=str(error.strerror)) from None


def _query(hci: Hci, arguments: tuple[str, ...], mask: Mask, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    answer = hci.query(arguments, options['run_timeout'])
    masked_lines = MaskedLines(mask)
    messages = [masked for line in answer.stderr.splitlines() for masked in masked_lines.take(line)] + masked_lines.end()
    log = [printable_line(line) for line in messages]
    lines = answer.stdout.split('\n')[:-1]
    found: dict[str, Any] = {'effects': lines} if arguments[1] == 'list' else {'derivation': ''.join(lines)}
    return {'rc': answer.returncode, **(found if answer.returncode == 0 else {})}, log


def _failure(command: str, options: Mapping[str, Any], log: list[str], results: dict[str, Any]) -> Failure:
    """The reason in the effect's own words; the other lines are in the result already. log: also lines that are not returned."""
    verb = {'run': 'failed', 'eval': 'could not be evaluated', 'list': ''}[command]
    subject = 'The effect %s %s' % (options['attribute'], verb) if verb else 'The effects could not be listed'
    misnamed = any(words in '\n'.join(log) for words in ('Could not find an attribute at path', 'Attribute is not an Effect'))
    remedy = 'Choose one of those that command: list shows for this ref' if misnamed else ''
    said = reason(log) if options['log_lines'] else ''
    return fail('%s with exit code %d.' % (subject, results['rc']), options['checkout'], found=said, remedy=remedy, **results)
