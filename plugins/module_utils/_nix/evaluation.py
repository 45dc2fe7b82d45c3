# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Ask Nix what a file of effects means, before it is written.

The text goes to C(nix-instantiate -) on standard input with the file's folder as working directory: relative paths mean
what they will mean in the file, and nothing has to be put there that a kill would leave behind. Evaluation is restricted
as an agent restricts it (hercules-ci-agent: Worker.hs, restrictEval): no NIX_PATH, no path outside the checkout, no plain http.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import traces
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.expression import quoted, to_nix
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem, fail
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._programs import run_program

PROGRAM = 'nix-instantiate'
# Where Nix is installed for a user, for a machine, and on NixOS: no login shell has put them into PATH.
FOLDERS = ('~/.nix-profile/bin', '/nix/var/nix/profiles/default/bin', '/run/current-system/sw/bin')
SAFE_URIS = 'ssh:// https:// git+ssh:// git+https:// github: gitlab: sourcehut:'


@dataclass(frozen=True)
class Candidate:
    """A file of effects that is not written yet.

    text: its contents; form: as in ci_nix; path: where it shall be; checkout: the root of the working tree.
    bindings: for a file of effects alone, Nix bindings that define the C(pkgs) to pass to it.
    owner, name: those of the repository, if known.
    uris: further URLs that may be fetched, such as a pin's C(file://).
    stubs: effect → the network file that only prebuilding reads, to be named in errors.
    timeout: seconds for all that Nix is asked about it, from now on.
    """

    text: str
    form: str
    path: Path
    checkout: Path
    bindings: str = ''
    owner: str | None = None
    name: str | None = None
    uris: tuple[str, ...] = ()
    stubs: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 600
    started: float = field(default_factory=time.monotonic)


def find() -> str:
    """The path of nix-instantiate. Raises Failure with how to get it."""
    program = shutil.which(PROGRAM) or shutil.which(PROGRAM, path=os.pathsep.join(map(os.path.expanduser, FOLDERS)))
    if not program:
        raise fail(
            'Nix is not installed on this machine, so the file cannot be checked.', PROGRAM,
            remedy='Install it (Debian, Ubuntu: apt install nix-bin; others: https://nixos.org/download), or set validate: none.',
        )
    return program


def parse(candidate: Candidate) -> str:
    """Check that the text is one Nix expression, and return it in Nix' own layout, without comments. Raises Failure."""
    return _run(candidate, ['--parse'], candidate.text)


def evaluate(candidate: Candidate, refs: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The effects that would run on each ref, all asked of one Nix process.

    Returns ref → effects, each with job (C(default) in the legacy form), name, path (as the agent names it) and secrets (what
    secretsMap says). Everything that an effect needs beside its prebuilt network is evaluated with it.
    Raises Failure with what Nix said.
    """
    text = '%s\nin builtins.listToAttrs (map (ref: { name = ref; value = describe ref; }) %s)' % (_prelude(candidate), to_nix(refs))
    answer = json.loads(_run(candidate, ['--eval', '--read-write-mode', '--strict', '--json', '--option', 'substituters', ''], text))
    return {ref: answer[ref] for ref in refs}


def prebuild(candidate: Candidate, targets: Mapping[tuple[str, str], str]) -> None:
    """Instantiate the prebuilt network of each (job, effect) on a ref where it runs, as the agent will.

    One process for all; when it fails, each is tried by itself, so that every broken network is reported at once.
    """
    try:
        _prebuild(candidate, targets)
    except Failure as failure:
        if len(targets) == 1:
            raise
        problems: list[Problem] = []
        for target, ref in targets.items():
            try:
                _prebuild(candidate, {target: ref})
            except Failure as single:
                problems += single.problems
        # That the time is up is one problem, however many networks are left.
        raise Failure(tuple(dict.fromkeys(problems)) or failure.problems) from None


def _prebuild(candidate: Candidate, targets: Mapping[tuple[str, str], str]) -> None:
    wanted = ' '.join('(prebuilt %s %s %s)' % (quoted(ref), quoted(job), quoted(name)) for (job, name), ref in targets.items())
    _run(candidate, [], '%s\nin builtins.concatLists [ %s ]' % (_prelude(candidate), wanted))


def _prelude(candidate: Candidate) -> str:
    """The start of an expression that holds the candidate, on the lines that it will have in the file, and asks about it."""
    return 'let candidate = %s\n;%s\n%s' % (candidate.text, candidate.bindings, QUESTIONS % {
        'checkout': quoted(str(candidate.checkout)), 'form': quoted(candidate.form),
        'root': IMPORT if candidate.form == 'effects' else CALL,
        'owner': to_nix(candidate.owner), 'name': to_nix(candidate.name),
    })


# How the candidate is called: by an agent, or by a file that imports it, which has the flake if there is one.
CALL = 'call candidate { src = repository ref; }'
IMPORT = 'call candidate { inherit pkgs; inherit (pkgs) effects; src = repository ref; self = builtins.getFlake checkout; }'
# Visits what an agent visits (hercules-ci-agent-worker: Evaluate.hs), except that prebuilt networks are left to prebuild.
QUESTIONS = r"""
  checkout = %(checkout)s;
  repository = ref:
    let
      short = prefix: let found = builtins.match "refs/${prefix}/(.*)" ref; in if found == null then null else builtins.head found;
    in
    {
      inherit ref;
      branch = short "heads";
      tag = short "tags";
      rev = "0000000000000000000000000000000000000000";
      shortRev = "0000000";
      outPath = checkout;
      owner = %(owner)s;
      name = %(name)s;
      remoteHttpUrl = null;
      remoteSshUrl = null;
      webUrl = null;
      forgeType = null;
    };
  call = function: arguments:
    if !builtins.isFunction function then function
    else if builtins.functionArgs function == { } then throw "the file is a function whose arguments have no names"
    else function (builtins.intersectAttrs (builtins.functionArgs function) arguments);
  apply = function: arguments: if builtins.isFunction function then function arguments else function;
  root = ref: %(root)s;
  # One entry a job: its outputs, and the path to them as the agent names it.
  jobs = ref:
    if %(form)s != "herculesCI" then [ { job = "default"; path = ""; outputs = root ref; } ]
    else
      let
        record = repository ref;
        herculesCI = apply (root ref).herculesCI (record // { primaryRepo = record; inherit herculesCI; });
        of = kind: map
          (job: { inherit job; path = "${kind}.${job}.effects."; outputs = (apply herculesCI.${kind}.${job}.outputs { }).effects; })
          (builtins.attrNames (herculesCI.${kind} or { }));
      in
      of "onPush" ++ of "onSchedule";
  attributes = value: map (name: { inherit name; value = value.${name}; }) (builtins.attrNames value);
  within = ref: name: builtins.addErrorContext "while evaluating the effect ${builtins.toJSON name} on ${ref}";
  describe = ref: builtins.concatMap
    ({ job, path, outputs }: builtins.concatMap
      ({ name, value }: within ref name (
        if value ? run && (value.run.isEffect or false) then
          let
            effect = value.run;
            # What is needed to run it; the prebuilt network may need a build, and src was looked at already.
            needed = builtins.toJSON (removeAttrs (effect.drvAttrs or { }) [ "prebuilt" "src" ]);
          in
          builtins.seq needed [
            { inherit job name; path = "${path}${name}.run"; secrets = builtins.fromJSON (effect.secretsMap or "{}"); }
          ]
        else [ ]
      ))
      (attributes outputs))
    (jobs ref);
  prebuilt = ref: job: name: builtins.concatMap
    (found:
      if found.job != job || !(found.outputs ? ${name}) then [ ]
      else if !(found.outputs.${name} ? prebuilt) then [ ]
      # Its path is wanted inside of the context, for only then everything is evaluated there.
      else within ref name (builtins.seq found.outputs.${name}.prebuilt.drvPath [ found.outputs.${name}.prebuilt ]))
    (jobs ref);
"""


def _run(candidate: Candidate, arguments: Sequence[str], text: str) -> str:
    """The standard output of nix-instantiate. Raises Failure with what it means when it fails."""
    command = [
        find(), *arguments, '--show-trace', '--option', 'restrict-eval', 'true', '--option', 'extra-experimental-features', 'flakes',
        '--option', 'allowed-uris', ' '.join([SAFE_URIS, *candidate.uris]), '-I', 'checkout=%s' % candidate.checkout, '-',
    ]
    left = candidate.started + candidate.timeout - time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in ('NIX_PATH', 'LANG', 'LC_ALL', 'LANGUAGE')}
    try:
        result = run_program(
            command, data=text.encode(), timeout=max(left, 0), cwd=candidate.path.parent,
            env={**environment, 'NIX_PATH': '', 'LC_ALL': 'C.UTF-8'},
        )
    except subprocess.TimeoutExpired:
        raise fail('Nix did not finish in %d seconds.' % candidate.timeout, str(candidate.path), remedy='Raise validate_timeout.') from None
    if result.returncode:
        raise Failure((traces.explain(
            result.stderr.decode(errors='replace'), traces.Source(candidate.text, candidate.path, candidate.checkout, candidate.stubs),
        ),))
    return result.stdout.decode()
