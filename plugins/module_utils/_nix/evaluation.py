# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Ask Nix what a file of effects means, before it is written.

The text goes to `nix-instantiate -` on standard input with the file's folder as working directory: relative paths mean
what they will mean in the file, and nothing has to be put there that a kill would leave behind. Evaluation is restricted
as an agent restricts it (hercules-ci-agent: Worker.hs, restrictEval): no NIX_PATH, no path outside the checkout, no plain http.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._git.repository import cleaned_environment
from .._problems import Failure, Problem, fail
from .._programs import run_program
from .._project import ProjectPath
from . import causes, deployments, traces
from .deployments import EvaluatedEffect, Key
from .expression import quoted, to_nix
from .functions import with_nixops
from .questions import CALL, IMPORT, QUESTIONS

PROGRAM = 'nix-instantiate'
# Where Nix is installed for a user, for a machine, and on NixOS: no login shell has put them into PATH.
FOLDERS = ('~/.nix-profile/bin', '/nix/var/nix/profiles/default/bin', '/run/current-system/sw/bin')
# What an answer depends on, whatever the nix.conf of this machine has.
SETTINGS = (
    ('restrict-eval', 'true'), ('pure-eval', 'false'), ('nix-path', ''), ('allow-import-from-derivation', 'true'),
    ('extra-experimental-features', 'flakes'),
)
EVALUATE = ('--eval', '--read-write-mode', '--strict', '--json', '--option', 'substituters', '')
# What a trace that is meant for this collection begins with.
TRACE = 'nixcd.hercules_ci: '
SAFE_URIS = 'ssh:// https:// git+ssh:// git+https:// github: gitlab: sourcehut:'

# What Hercules CI calls the sites, and where they are.
FORGES: Mapping[str | None, str] = {'github': 'github.com', 'gitlab': 'gitlab.com'}
NO_REVISION = '0' * 40


@dataclass(frozen=True)
class Candidate:
    """A file of effects that is not written yet.

    text: its contents; form: as in ci_nix, or `any` for that of the two that an agent would find; path: where it shall be; checkout:
    the root of the working tree.
    bindings: for a file of effects alone, Nix bindings that define the `pkgs` to pass to it.
    project, rev: of the repository and of the commit, if known.
    uris: further URLs that may be fetched, such as a pin's `file://`.
    stubs: effect → the network file that only prebuilding reads; functions: effect → the library's function; both for errors.
    files: effect → its files, relative to the checkout; other: those of them that need not be Nix.
    timeout: seconds for all that Nix is asked about it, from now on.
    seen: the folder that Nix reads in place of the checkout, if it holds only what Git tracks of it.
    sources: effect → the folder that is deployed, relative to the checkout, where that is not the checkout itself.
    """

    text: str
    form: str
    path: Path
    checkout: Path
    bindings: str = ''
    project: ProjectPath | None = None
    rev: str = NO_REVISION
    uris: tuple[str, ...] = ()
    stubs: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    other: frozenset[str] = frozenset()
    timeout: float = 600
    seen: Path | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


def repository_facts(project: ProjectPath | None) -> dict[str, str | None]:
    """What an agent says of a project's repository, whatever the commit; None where that is not known."""
    site, owner, name = (project.site, project.account, project.project) if project else (None, None, None)
    there = '%s/%s/%s' % (FORGES[site], owner, name) if site in FORGES else None
    return {
        'owner': owner, 'name': name, 'forgeType': site if there else None, 'webUrl': there and 'https://%s' % there,
        'remoteHttpUrl': there and 'https://%s.git' % there, 'remoteSshUrl': there and 'ssh://git@%s.git' % there,
    }


def find() -> str:
    """The path of nix-instantiate. Raises Failure with how to get it."""
    program = shutil.which(PROGRAM) or shutil.which(PROGRAM, path=os.pathsep.join(map(os.path.expanduser, FOLDERS)))
    if not program:
        raise fail(
            'Nix is not installed on this machine, so the file cannot be checked.', PROGRAM,
            remedy='Install it (Debian, Ubuntu: apt install nix-bin; others: https://nixos.org/download), or set validate: none.',
        )
    return program


def hash_of_folder(place: str) -> str:
    """The hash that fetchTarball takes for what is in a folder."""
    done = run_program([str(Path(find()).with_name('nix-hash')), '--type', 'sha256', '--base32', place])
    if done.returncode:
        raise fail('Nix cannot read the folder.', place, found=done.stderr.decode(errors='replace').strip())
    return done.stdout.decode().strip()


def parse(candidate: Candidate) -> str:
    """Check that the text and each network file is one Nix expression. Raises Failure.

    Returns them in Nix' own layout, without comments. Network files that only deploying reads are not looked at in any other way, as they
    may need what only deploying has.
    """
    named = (file for files in candidate.files.values() for file in files if file not in candidate.other)
    files = dict.fromkeys(str(candidate.checkout / file) for file in named)
    return _run(candidate, ['--parse'], candidate.text, *files)[0]


def evaluate(candidate: Candidate, refs: Sequence[str]) -> dict[str, list[EvaluatedEffect]]:
    """All effects for each ref, and whether they would run there, asked of one Nix process.

    Everything that an effect which runs needs beside its prebuilt network is evaluated with it; the network itself is not known
    here. Raises Failure with what Nix said.
    """
    text = '%s\nin builtins.listToAttrs (map (ref: { name = ref; value = describe ref; }) %s)' % (_prelude(candidate), to_nix(refs))
    answer = ask(candidate, text)
    return {ref: [deployments.evaluated(ref, found) for found in answer[ref]] for ref in refs}


def prebuild(candidate: Candidate, targets: Mapping[Key, str]) -> dict[Key, EvaluatedEffect]:
    """Instantiate the prebuilt network of each (job, effect) on a ref where it runs, as the agent will, and say what is in it.

    One process for all; when it fails, each is tried by itself, so that every broken network is reported at once. An effect
    without a prebuilt network is not among the answers. Raises Failure with what Nix said of networks that cannot be prebuilt.
    """
    if len(targets) != 1:
        with suppress(Failure):
            return _prebuild(candidate, targets)
    found: dict[Key, EvaluatedEffect] = {}
    problems: list[Problem] = []
    for target, ref in targets.items():
        try:
            found.update(_prebuild_alone(candidate, {target: ref}))
        except Failure as single:
            problems += single.problems
    if problems:
        # That the time is up is one problem, however many networks are left.
        raise Failure(tuple(dict.fromkeys(problems)))
    return found


def _prebuild_alone(candidate: Candidate, target: Mapping[Key, str]) -> dict[Key, EvaluatedEffect]:
    """Of a network that can be prebuilt as much as is known: what `tryEval` does not catch must not hide the rest."""
    try:
        return _prebuild(candidate, target)
    except Failure:
        least = _prebuild(candidate, target, 'nothing')
    for detail in ('machines', 'names'):
        with suppress(Failure):
            return _prebuild(candidate, target, detail)
    return least


def _prebuild(candidate: Candidate, targets: Mapping[Key, str], detail: str = deployments.ALL) -> dict[Key, EvaluatedEffect]:
    """detail: how much of a network is described: `all`, `machines` alone, only their `names`, or `nothing`."""
    wanted = ' '.join('(prebuilt %s %s %s %s)' % tuple(map(quoted, (detail, ref, job, name))) for (job, name), ref in targets.items())
    answer = ask(candidate, '%s\nin builtins.concatLists [ %s ]' % (_prelude(candidate), wanted))
    return {(found['job'], found['name']): deployments.evaluated(found['ref'], found) for found in answer}


def ask(candidate: Candidate, text: str) -> Any:
    """What an expression evaluates to. Raises Failure with what Nix said."""
    return json.loads(_run(candidate, EVALUATE, text)[0])


def ask_with_traces(candidate: Candidate, text: str) -> tuple[Any, list[Any]]:
    """The same, and the values in JSON that the expression has traced with this collection's name in front."""
    answer, errors = _run(candidate, EVALUATE, text)
    lines = (line.partition('trace: %s' % TRACE)[2] for line in errors.splitlines())
    return json.loads(answer), [json.loads(line) for line in dict.fromkeys(lines) if line]


def _prelude(candidate: Candidate) -> str:
    """The start of an expression that holds the candidate, on the lines that it will have in the file, and asks about it."""
    text = re.sub(r'inherit \((pkgs\.effects|effects)\)', r'inherit (deployed \1)', candidate.text, count=1)
    return 'let candidate = %s\n;%s\n%s' % (text, candidate.bindings, QUESTIONS % {
        'flake': quoted(str(candidate.checkout)), 'checkout': quoted(str(candidate.seen or candidate.checkout)),
        'form': quoted(candidate.form),
        'root': IMPORT if candidate.form == 'effects' else CALL,
        'nixops': to_nix(with_nixops()),
        'facts': to_nix(repository_facts(candidate.project)), 'rev': quoted(candidate.rev),
    })


def _run(candidate: Candidate, arguments: Sequence[str], text: str, *files: str) -> tuple[str, str]:
    """What nix-instantiate prints, and what it says beside that. Raises Failure with what it means when it fails."""
    seen = candidate.seen or candidate.checkout
    command = [
        find(), *arguments, '--show-trace', *(word for setting in SETTINGS for word in ('--option', *setting)),
        '--option', 'allowed-uris', ' '.join([SAFE_URIS, *candidate.uris]), '-I', 'checkout=%s' % seen, '-', *files,
    ]
    left = candidate.started + candidate.timeout - time.monotonic()
    environment = {name: value for name, value in cleaned_environment().items() if name not in ('LANG', 'LC_ALL', 'LANGUAGE')}
    try:
        result = run_program(
            command, data=text.encode(), timeout=max(left, 0), cwd=(seen / candidate.path.relative_to(candidate.checkout)).parent,
            env={**environment, 'NIX_PATH': '', 'LC_ALL': 'C.UTF-8'},
        )
    except subprocess.TimeoutExpired:
        raise fail('Nix did not finish in %d seconds.' % candidate.timeout, str(candidate.path), remedy='Raise validate_timeout.') from None
    if result.returncode:
        raise Failure((causes.explain(_of_checkout(result.stderr.decode(errors='replace'), candidate), traces.NixInput(
            candidate.text, candidate.path, candidate.checkout, candidate.stubs, candidate.functions, candidate.files,
            tracked=candidate.seen is not None, sources=candidate.sources, store=os.environ.get('NIX_STORE_DIR') or '/nix/store',
        )),))
    return result.stdout.decode(), result.stderr.decode(errors='replace')


def _of_checkout(text: str, candidate: Candidate) -> str:
    """What Nix says about copies that were made for it, as said about the files of the checkout."""
    seen = candidate.seen or candidate.checkout
    folders = {hashlib.sha256(str(seen / source).encode()).hexdigest()[:32]: source for source in candidate.sources.values()}
    in_store = re.compile(r'/[^\s\'"`:]*?/[a-z0-9]{32}-effect-source-([0-9a-f]{32})(?:/(?:\.\./)+(?=/))?')
    text = in_store.sub(lambda match: '' if match[0].endswith('../') else str(candidate.checkout / folders.get(match[1], '')), text)
    return text.replace(str(seen), str(candidate.checkout))
