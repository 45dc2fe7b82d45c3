# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evaluate a commit as hercules-ci-agent does, with the real nix-instantiate; the rules are in nix/agent/walk.nix."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

WALK = Path(__file__).parent / 'nix' / 'agent' / 'walk.nix'
SEARCH_PATH: tuple[tuple[str, ...], ...] = (('nix/ci.nix', 'ci.nix'), ('flake.nix',), ('default.nix',))
# The agent's list, and the local files that the sandbox's own pins are.
ALLOWED_URIS = 'ssh:// https:// git+ssh:// git+https:// github: gitlab: sourcehut: file:// git+file://'
# No other machine is asked for anything, builds need no users of their own, and run on whatever this machine is. A store that lives as
# long as a test need not survive a power cut, for which waiting took a minute on a busy disk, nor keep 8 MB for a full one.
CONFIGURATION = '''build-users-group =
extra-experimental-features = nix-command flakes
extra-platforms = x86_64-linux aarch64-linux x86_64-darwin aarch64-darwin
fsync-metadata = false
gc-reserved-space = 0
sandbox = false
substituters =
'''

STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[()]', re.DOTALL)
LISTS = {'(': '[', ')': ']'}
LONGEST_BUILD = 60  # seconds; what is built here takes a fraction of one
STOOD_STILL = (124, 137)  # what timeout says of a command that it had to end


class EvaluationError(Exception):
    """What Nix said."""


@dataclass(frozen=True)
class Attribute:
    """One derivation of a job, or why there is none: exactly one of drv and error is set."""

    path: tuple[str, ...]
    typ: str = 'Regular'
    drv: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Derivation:
    """What a .drv file says."""

    inputs: tuple[str, ...]
    builder: str
    arguments: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class Nix:
    """Nix with a store of its own, so that nothing outside the sandbox's folder is written.

    run: how commands are started, as subprocess.run; the sandbox passes one whose processes it can end.
    """

    folder: Path
    run: Callable[..., subprocess.CompletedProcess[str]] = field(default=subprocess.run)

    def set_up(self) -> None:
        """Make the folder, with a configuration that needs nothing of the machine's, and the store's database.

        Left to the first commands, several at once find each other's half of the database: it is called corrupt.
        """
        for name in ('store', 'etc'):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / 'etc' / 'nix.conf').write_text(CONFIGURATION, encoding='utf-8')
        self.command('nix-store', '--init')

    def environment(self) -> dict[str, str]:
        folders = {'NIX_STORE_DIR': 'store', 'NIX_STATE_DIR': 'var', 'NIX_LOG_DIR': 'log', 'NIX_CONF_DIR': 'etc', 'XDG_CACHE_HOME': 'cache'}
        return {'NIX_REMOTE': '', 'NIX_PATH': '', **{name: str(self.folder / sub) for name, sub in folders.items()}}

    def command(self, *arguments: str) -> str:
        """Output of a Nix command; EvaluationError with what it printed to stderr."""
        result = self._run(arguments)
        if result.returncode:
            raise EvaluationError(result.stderr.strip())
        return result.stdout

    def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment()}
        return self.run([*arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True, check=False)

    def build(self, *drvs: str) -> None:
        """Build derivations; EvaluationError with the log when one fails.

        Once in hundreds of runs a Nix stood still after it had forked, and with it all that waited for its lock: then it is begun anew.
        """
        build = ('timeout', '--kill-after=5', '%d' % LONGEST_BUILD, 'nix-store', '--realise', '--keep-going', *drvs)
        for attempt in (1, 2) if drvs else ():
            result = self._run(build)
            if result.returncode == 0:
                return
            if result.returncode not in STOOD_STILL or attempt == 2:
                raise EvaluationError(result.stderr.strip() or 'The build did not end within %d seconds.' % LONGEST_BUILD)

    def derivation(self, drv: str) -> Derivation:
        """Read a .drv file, which is JSON but for its tuples. It is Python, too, but Python 3.11.2 cannot parse that in several threads."""
        text = Path(drv).read_text(encoding='utf-8')
        lists = STRING_OR_BRACKET.sub(lambda found: LISTS.get(found[0], found[0]), text[len('Derive'):])
        _outputs, inputs, _sources, _system, builder, arguments, environment = json.loads(lists, strict=False)
        return Derivation(tuple(item[0] for item in inputs), builder, tuple(arguments), dict(environment))


def find_file(checkout: Path) -> Path:
    """The file that is evaluated; EvaluationError in the agent's words."""
    for names in SEARCH_PATH:
        found = [name for name in names if (checkout / name).is_file()]
        if len(found) > 1:
            raise EvaluationError("Don't know what to do, expecting only one of %s" % ' or '.join(found))
        if found:
            return checkout / found[0]
    known = [name for group in SEARCH_PATH for name in group]
    raise EvaluationError('Please provide a Nix expression to build. Could not find any of %s or %s in your source' % (
        ', '.join(known[:-1]), known[-1]))


@dataclass(frozen=True)
class Source:
    """A checked-out commit, ready to be evaluated.

    checkout: its folder. What lies beside it may be read too: extra inputs, and nothing else.
    repository: the record that expressions receive as src or primaryRepo.
    meta: the rest of what the attribute form receives.
    """

    nix: Nix
    checkout: Path
    repository: Mapping[str, Any]
    meta: Mapping[str, Any]

    def evaluate(self, part: str, handler: Mapping[str, Any] | None = None) -> Any:
        """A part of walk.nix's result as JSON; EvaluationError."""
        def nix_value(value: Any) -> str:
            return 'builtins.fromJSON %s' % _quoted(json.dumps(value, ensure_ascii=False))

        expression = '(import (/. + %s) { file = /. + %s; repository = %s; meta = %s; handler = %s; }).%s' % (
            _quoted(str(WALK)), _quoted(str(find_file(self.checkout))), nix_value(self.repository), nix_value(self.meta),
            nix_value(handler or {}), part)
        return json.loads(self.nix.command(
            'nix-instantiate', '--eval', '--strict', '--json', '--read-write-mode', '--show-trace', '--option', 'restrict-eval', 'true',
            '--option', 'allowed-uris', ALLOWED_URIS, '-I', 'checkout=%s' % self.checkout.parent, '-I', 'agent=%s' % WALK.parent,
            '-E', expression))

    def configuration(self) -> dict[str, Any] | None:
        """The handlers of herculesCI, or None for the legacy form."""
        found: dict[str, Any] | None = self.evaluate('config')
        return found

    def attributes(self, handler: Mapping[str, Any] | None = None, path: tuple[str, ...] = ()) -> list[Attribute]:
        """All derivations below a path. One that fails does not hide the others, though it costs a Nix process for each step."""
        nix_path = '[ %s ]' % ' '.join(map(_quoted, path))
        try:
            return [_attribute(item) for item in self.evaluate('below %s' % nix_path, handler)]
        except EvaluationError:
            pass
        try:
            step = self.evaluate('step %s' % nix_path, handler)
        except EvaluationError as error:
            return [Attribute(path, error=str(error))]
        children = [found for name in step['names'] for found in self.attributes(handler, (*path, name))]
        return [_attribute(item) for item in step['found']] + children


def _quoted(text: str) -> str:
    """The text as a Nix string."""
    return json.dumps(text, ensure_ascii=False).replace('${', '\\${')


def _attribute(item: Mapping[str, Any]) -> Attribute:
    return Attribute(tuple(item['path']), item.get('typ', 'Regular'), item.get('drv'), item.get('error'))


def path_text(path: tuple[str, ...]) -> str:
    """An attribute path as the service writes it: other parts than identifiers in double quotes."""
    quoted = [part if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_'-]*", part) else '"%s"' % part.replace('\\', '\\\\').replace('"', '\\"')
              for part in path]
    return '.'.join(quoted)
