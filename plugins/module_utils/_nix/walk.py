# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""All that an agent finds in a repository, whoever wrote its file: each derivation by its path, for each ref.

By the rules of hercules-ci-agent (Evaluate.hs, Worker.hs): which file it reads, which functions it calls with what, which sets it visits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._project import ProjectPath
from .._refs import HEADS, TAGS
from . import evaluation
from .evaluation import Candidate
from .expression import quoted, to_nix

SPELT = re.compile(r'refs/(?:heads|tags)/\w[\w./-]*')
MORE = 'and-more'  # to see whether a file asks for the beginning of a name
AT_ONCE = 6
MOST_REFS = 40  # each costs an evaluation

WALK = r"""
  call = function: arguments:
    if !builtins.isFunction function then function
    else if builtins.functionArgs function != { } then function (builtins.intersectAttrs (builtins.functionArgs function) arguments)
    else if builtins.match ".*<function[^>]*>[[:space:]]*<attrspat.*" (builtins.toXML function) != null then function { }
    else throw "the file is a function whose arguments have no names, which agents do not call";
  apply = function: arguments: if builtins.isFunction function then function arguments else function;
  isDerivation = value: value.type or null == "derivation";
  text = value: builtins.unsafeDiscardStringContext (
    let shown = if builtins.isString value then value else builtins.toJSON value; in
    if builtins.stringLength shown < 100 then shown else "sha256:" + builtins.hashString "sha256" shown);
  # A script is the same with and without a newline at its end.
  asScript = value: let found = if builtins.isString value then builtins.match "(.*[^\n])\n*" value else null; in
    if found == null then value else builtins.head found;
  # In the legacy form sets want to be visited; in the other all are, but those with a _type.
  visit = legacy: describe: path: value:
    if !(builtins.isAttrs value) then [ ]
    else if isDerivation value then [ (describe (path) value) ]
    else if builtins.length path > 9 then [ ]
    else if (if legacy then path != [ ] && !(value.recurseForDerivations or false) else value ? _type) then [ ]
    else builtins.concatMap (name: visit legacy describe (path ++ [ name ]) value.${name}) (builtins.attrNames value);
  jobsOf = { home, isFlake ? false, legacyIs ? null }: record:
    let
      arguments = { inherit (record) branch ref rev shortRev tag; primaryRepo = record; herculesCI = removeAttrs record [ "outPath" ]; };
      given = apply (home.herculesCI or { }) arguments;
      outputs = builtins.mapAttrs (name: value: if name == "effects" then apply value arguments else value) (builtins.intersectAttrs
        { apps = null; checks = null; devShells = null; effects = null; formatter = null; packages = null; }
        home);
      all = given // (if isFlake && !(given ? onPush) then { onPush.default.outputs = outputs; } else { });
      of = kind: builtins.concatMap
        (job:
          let found = all.${kind}.${job}; in
          if !(found.enable or true) then [ ]
          else [ {
            inherit kind job;
            legacy = false;
            outputs = apply found.outputs
              (builtins.mapAttrs (name: _: throw "the job ${job} needs the extra input ${name}") (found.extraInputs or { }));
            when = found.when or null;
          } ])
        (builtins.attrNames (all.${kind} or { }));
    in
    if isFlake || (builtins.isAttrs home && home ? herculesCI) then of "onPush" ++ of "onSchedule"
    else [ { kind = "onPush"; job = "default"; legacy = true; outputs = home; when = null; } ];
  walk = describe: options: record: builtins.concatMap
    (job: builtins.addErrorContext "while evaluating ${job.kind}.${job.job} on ${record.ref}" (
      map (found: found // { inherit (job) kind job legacy when; }) (visit job.legacy describe [ ] job.outputs)))
    (jobsOf options record);
  attribute = name: value: text (if builtins.match ".*Script" name != null then asScript value else value);
  derivation_ = path: value: {
    inherit path;
    drv = builtins.unsafeDiscardStringContext value.drvPath;
    effect = value.isEffect or false;
    attributes = if value.isEffect or false then builtins.mapAttrs attribute (value.drvAttrs or { }) else { };
  };
"""


@dataclass(frozen=True)
class Built:
    """A derivation that an agent builds, or an effect that it runs: where it stands, and what Nix makes of it.

    attributes: all that an effect's derivation is made of, where it is long, as a hash. Scripts have no newline at their end here.
    """

    ref: str
    kind: str
    job: str
    path: tuple[str, ...]
    drv: str
    effect: bool
    when: Any = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the inventory would call the effect: its path, without what the form of the file and runIf add to it."""
        return name_of(self.path)

    @property
    def said(self) -> str:
        """For messages: as an agent names it."""
        return '.'.join(self.path) if self.job == 'default' else '%s.%s.%s' % (self.kind, self.job, '.'.join(self.path))


def name_of(path: Sequence[str]) -> str:
    inner = list(path)[1:] if path[0] == 'effects' and len(path) > 1 else list(path)
    last = inner[-1:] in (['run'], ['dependencies'], ['prebuilt']) and len(inner) > 1
    return '.'.join(inner[:-1] if last else inner)


def record(
    ref: str, project: ProjectPath | None, rev: str = evaluation.NO_REVISION, told: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What an agent says of the repository. told: what takes the place of that."""
    branch, tag = (ref[len(start):] if ref.startswith(start) else None for start in (HEADS, TAGS))
    facts = evaluation.repository_facts(project)
    return {'ref': ref, 'branch': branch, 'tag': tag, 'rev': rev, 'shortRev': rev[:7], **facts, **(told or {})}


def home(candidate: Candidate, file: str | None) -> str:
    """The file's value, as code that begins an expression. file: that of the checkout; None for the candidate's own text."""
    folder = str(candidate.seen or candidate.checkout)
    if file is None:
        return 'let candidate = %s\n;' % candidate.text
    if file == 'flake.nix':
        return 'let candidate = builtins.getFlake %s;' % quoted(str(candidate.checkout))
    return 'let candidate = import %s;' % quoted('%s/%s' % (folder, file))


def parts(records: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """So many that one Nix process can hold them: each ref may need a nixpkgs of its own, of some hundred megabytes."""
    left = list(records)
    for start in range(0, len(left), AT_ONCE):
        yield left[start:start + AT_ONCE]


def walk(candidate: Candidate, file: str | None, records: Iterable[Mapping[str, Any]]) -> list[Built]:
    """Everything that agents would make of the checkout's file, or of the candidate's text in its place."""
    return [each for part in parts(records) for each in _walk(candidate, file, part)]


def _walk(candidate: Candidate, file: str | None, records: Iterable[Mapping[str, Any]]) -> list[Built]:
    is_flake = file == 'flake.nix'
    root = 'candidate' if is_flake else 'call candidate { src = repository; }'
    expression = r"""%s
%s
  ofRepository = record:
    let repository = record // { outPath = %s; }; in
    map (found: found // { inherit (record) ref; }) (walk derivation_ { home = %s; isFlake = %s; } repository);
in builtins.concatMap ofRepository %s""" % (
        home(candidate, file), WALK, 'candidate.outPath' if is_flake else quoted(str(candidate.seen or candidate.checkout)), root,
        to_nix(is_flake), to_nix(list(map(dict, records))))
    return [
        Built(each['ref'], each['kind'], each['job'], tuple(each['path']), each['drv'], each['effect'], each['when'], each['attributes'])
        for each in evaluation.ask(candidate, expression)
    ]


def refs_of(checkout: Path, file: str) -> list[str]:
    """Refs to try: what the file that agents read asks for, and what other files beside it spell out; and longer ones."""
    found = refs_in((checkout / file).read_text('utf-8', errors='replace'))
    others = [path for folder in (checkout, checkout / 'nix', checkout / 'ci') for path in sorted(folder.glob('*.nix')) if path.is_file()]
    for path in others:
        found += SPELT.findall(path.read_text('utf-8', errors='replace'))
    named = list(dict.fromkeys(ref for ref in found if ref[-1].isalnum()))
    longer = dict.fromkeys(ref + MORE if not ref[-1].isalnum() else '%s-%s' % (ref, MORE) for ref in found)
    return [*named[:MOST_REFS], *list(longer)[:MOST_REFS]]


def refs_in(text: str) -> list[str]:
    """Refs that a file may ask for: what is spelt out, and names on lines that speak of refs, branches or tags."""
    found = SPELT.findall(text)
    for line in text.splitlines():
        if re.search(r'(?i)branch|\bref\b|tag', line):
            kind = 'tags' if re.search(r'(?i)\btag', line) and 'ranch' not in line else 'heads'
            names = re.findall(r'"([A-Za-z0-9][\w./-]{0,50})"', line)
            found += ['refs/%s/%s' % (kind, name) for name in names if not name.startswith('refs/') and not name.endswith('.nix')]
    return list(dict.fromkeys(found))
