# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What a file of effects that somebody wrote calls, with which arguments: evaluated by Nix, with a library that remembers.

The file, and what it imports from the checkout, is read with another `import` and other fetchers, which know what they return: where
that is hercules-ci-effects, in any of the ways in which it can be had, its functions mark each effect with their name and arguments. A mark
changes no derivation. What was fetched is told by traces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import evaluation, walk
from .evaluation import Candidate
from .expression import quoted, to_nix
from .functions import FUNCTIONS

RECORDING = r"""
  checkout = %(checkout)s;
  # The functions, and which NixOps they run.
  names = %(functions)s;
  told = what: value: builtins.trace ("%(trace)s" + builtins.toJSON what) value;
  isInside = place: place == checkout || builtins.substring 0 (builtins.stringLength checkout + 1) place == checkout + "/";
  scope = {
    import = imported;
    builtins = builtins // fetchers // { import = imported; };
    scopedImport = more: builtins.scopedImport (scope // more);
  } // removeAttrs fetchers [ "fetchTree" "getFlake" ];
  imported = file:
    let place = toString file; in
    if isInside place then builtins.scopedImport scope file else wrap (rootOf place) (import file);
  rootOf = place:
    let found = builtins.match "(${builtins.storeDir}/[^/]+).*" place; in
    if found == null then place else builtins.head found;
  plain = value:
    if builtins.isString value then builtins.unsafeDiscardStringContext value
    else if builtins.isAttrs value then builtins.mapAttrs (_: plain) value
    else if builtins.isPath value then toString value
    else value;
  fetchers = builtins.mapAttrs
    (fetcher: fetch: arguments:
      let found = fetch arguments; place = builtins.unsafeDiscardStringContext (toString found); in
      told { inherit fetcher place; arguments = plain arguments; } (if fetcher == "getFlake" then wrap place found else found))
    { inherit (builtins) fetchTarball fetchGit fetchTree getFlake; };

  # The library, and ways to it, in what was imported. place: where that is.
  isLibrary = value: value ? runIf && value ? callPackage && builtins.any (name: value ? ${name}) (builtins.attrNames names);
  ways = {
    effects = null; hci-effects = null; overlay = null; overlays = null; default = null; lib = null; withPkgs = null; defaultNix = null;
    outputs = null; flakeModule = null;
  };
  wrap = place: value:
    if builtins.isFunction value then
      (if builtins.functionArgs value == { } then given: result place given (value given)
      else { __functor = _: given: result place given (value given); __functionArgs = builtins.functionArgs value; })
    else if !(builtins.isAttrs value) || value.type or null == "derivation" || value ? __remembers then value
    else if isLibrary value then library place value
    else if value ? flakeModule && value ? lib.withPkgs then flakeOf place value
    else
      let found = builtins.intersectAttrs ways value; in
      if found == { } then value else value // builtins.mapAttrs (_: wrap place) found;
  result = place: given: value:
    if builtins.isAttrs value && value ? callPackage && value ? stdenv && value ? path then
      told {
        nixpkgs = toString value.path; config = show value 4 (given.config or { });
        overlays = builtins.length (given.overlays or [ ]); system = value.stdenv.hostPlatform.system;
      } (wrap place value)
    else wrap place value;
  flakeOf = place: flake: flake // {
    overlay = wrap place flake.overlay;
    lib = flake.lib // { withPkgs = pkgs: wrap place (flake.lib.withPkgs pkgs); };
    flakeModule = {
      imports = [ flake.flakeModule ];
      perSystem = { config, lib, ... }:
        let remembering = wrap place (flake.lib.withPkgs config.herculesCIEffects.pkgs); in
        { _module.args = { hci-effects = lib.mkForce remembering; effects = lib.mkForce remembering; }; };
    };
  };
  library = place: functions:
    let
      # As the functions of the library get it themselves.
      inherit (functions.callPackage ({ pkgs }: { inherit pkgs; }) { }) pkgs;
      remembering = functions // builtins.mapAttrs remember (builtins.intersectAttrs names functions) // {
        __remembers = true;
        effects = remembering;
        hci-effects = remembering;
        runIf = condition: effect:
          let found = functions.runIf condition effect; in
          if !(found ? dependencies) then found
          else found // { dependencies = found.dependencies // { __call = effect.__call or null; }; };
      };
      remember = name: function:
        let
          call = arguments:
            let made = function arguments; in
            if builtins.isAttrs made then made // { __call = { inherit arguments name pkgs place; }; } else made;
        in
        if builtins.isAttrs function then function // { __functor = _: call; } else call;
    in
    remembering;

  # A value as JSON that says what is what.
  show = pkgs: depth: value:
    let kind = builtins.typeOf value; in
    if kind == "string" then (if builtins.hasContext value then { context = plain value; } else { v = value; })
    else if kind == "path" then { path = toString value; }
    else if kind == "lambda" then { code = "a function"; }
    else if kind == "list" then (if depth == 0 then { code = "a list"; } else { list = map (shown pkgs (depth - 1)) value; })
    else if kind != "set" then { v = value; }
    else if value.type or null == "derivation" then { package = packageOf pkgs value; }
    else if value ? origSrc && value ? filter then { source = toString value.origSrc; name = value.name or "source"; }
    else if value ? __functor then { code = "a function"; }
    else if value ? outPath || value ? __toString then { code = "a set with a place in the store"; }
    else if depth == 0 || builtins.length (builtins.attrNames value) > 40 || value ? _type || value ? _module then { code = "a set"; }
    else { set = builtins.mapAttrs (_: shown pkgs (depth - 1)) value; };
  shown = pkgs: depth: value:
    let tried = builtins.tryEval (let found = show pkgs depth value; in builtins.deepSeq found found); in
    if tried.success then tried.value else { code = "what cannot be evaluated"; };
  letters = text: builtins.concatStringsSep "" (builtins.filter builtins.isString (builtins.split "[-_.0-9]+" text));
  packageOf = pkgs: package:
    let
      drv = package.drvPath;
      known = builtins.filter builtins.isString [ (package.pname or null) (builtins.parseDrvName package.name).name ];
      alike = builtins.filter (name: builtins.elem (letters name) (map letters known)) (builtins.attrNames pkgs);
      isSame = name:
        let tried = builtins.tryEval ((pkgs.${name} or { }).type or null == "derivation" && pkgs.${name}.drvPath == drv); in
        tried.success && tried.value;
      same = builtins.filter isSame (known ++ alike);
    in
    {
      inherit (package) name;
      attribute = if same == [ ] then null else builtins.head same;
      plugins =
        if !(package ? selectedPlugins) then null
        else map (plugin: plugin.pname or (builtins.parseDrvName plugin.name).name) package.selectedPlugins;
    };
  attempt = value: let tried = builtins.tryEval value; in if tried.success then tried.value else null;
  callOf = call: {
    inherit (call) name;
    library = call.place;
    arguments = if builtins.isFunction call.arguments then { code = "a function"; } else shown call.pkgs 6 call.arguments;
    nixpkgs = toString call.pkgs.path;
    system = call.pkgs.stdenv.hostPlatform.system;
    nixops = if names.${call.name} == 1 then attempt (call.pkgs.nixops.drvPath or null) else null;
  };
  found_ = path: value: {
    inherit path;
    effect = value.isEffect or false;
    runs = value.isEffect or false;
    call = if value.__call or null == null then null else callOf value.__call;
  };
  sourcesOf = file:
    if !(builtins.pathExists "${checkout}/${file}") then { }
    else builtins.mapAttrs (_: source: attempt (builtins.unsafeDiscardStringContext (toString source)))
      (removeAttrs (import "${checkout}/${file}") [ "__functor" ]);
"""


@dataclass(frozen=True)
class RecordedEffect:
    """An effect, or what runIf leaves of one, on a ref. call: how it was made, None where that cannot be seen."""

    ref: str
    kind: str
    job: str
    path: tuple[str, ...]
    runs: bool
    when: Any = None
    call: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """What the inventory calls it."""
        return walk.name_of(self.path)


@dataclass(frozen=True)
class Recording:
    """found: effects by ref. fetched: each call of a fetcher, with the place in the store. nixpkgs: each instance of it.

    sources: kind of a file of pins (npins, niv, flake) → name → place in the store. root: where Nix has the files of the checkout.
    """

    found: tuple[RecordedEffect, ...]
    fetched: tuple[Mapping[str, Any], ...] = ()
    nixpkgs: tuple[Mapping[str, Any], ...] = ()
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    root: str = ''


def record(candidate: Candidate, file: str, records: Iterable[Mapping[str, Any]]) -> Recording:
    """What the checkout's file calls, for each ref. Raises Failure with what Nix says where it cannot be evaluated."""
    first, *others = [_record(candidate, file, part) for part in walk.parts(records)]
    for each in others:
        fetched, nixpkgs = ([*had, *(new for new in found if new not in had)] for had, found in (
            (first.fetched, each.fetched), (first.nixpkgs, each.nixpkgs)))
        first = replace(first, found=(*first.found, *each.found), fetched=tuple(fetched), nixpkgs=tuple(nixpkgs))
    return first


def _record(candidate: Candidate, file: str, records: Iterable[Mapping[str, Any]]) -> Recording:
    is_flake = file == 'flake.nix'
    folder = str(candidate.seen or candidate.checkout)
    if is_flake:
        start = r'''let
  flake = builtins.getFlake %s;
  # Its outputs once more, from inputs that remember.
  inputs = builtins.mapAttrs
    (_: input: if input ? flakeModule || input ? lib.withPkgs then wrap (toString input) input else input)
    flake.inputs;
  itself = flake // outputs // { inherit inputs outputs; };
  outputs = (builtins.scopedImport scope (flake + "/flake.nix")).outputs (inputs // { self = itself; });
  home = itself;
  outPath = flake.outPath;
  inherit (flake) sourceInfo;''' % quoted(str(candidate.checkout))
        place, home, sources = 'toString flake', 'home', 'builtins.mapAttrs (_: toString) flake.inputs'
    else:
        start = 'let\n  candidate = builtins.scopedImport scope %s;\n  outPath = checkout;' % quoted('%s/%s' % (folder, file))
        place, home, sources = quoted(folder), 'call candidate { src = repository; }', '{ }'
    text = '''%s
%s%s
  ofRepository = record:
    let repository = record // { inherit outPath; }; in
    map (found: found // { inherit (record) ref; }) (walk found_ { home = %s; isFlake = %s; } repository);
in {
  root = checkout;
  found = builtins.concatMap ofRepository %s;
  sources = { npins = sourcesOf "npins/default.nix"; niv = sourcesOf "nix/sources.nix"; flake = %s; };
}''' % (start, walk.WALK, RECORDING % {
        'checkout': place, 'trace': evaluation.TRACE, 'functions': to_nix({name: function.nixops for name, function in FUNCTIONS.items()}),
    }, home, to_nix(is_flake), to_nix(list(map(dict, records))), sources)
    answer, told = evaluation.ask_with_traces(candidate, text)
    found = tuple(
        RecordedEffect(each['ref'], each['kind'], each['job'], tuple(each['path']), each['runs'], each['when'], each['call'])
        for each in answer['found'] if each['effect'] or each['call']
    )
    fetched, nixpkgs = (tuple(each for each in told if what in each) for what in ('fetcher', 'nixpkgs'))
    known = {kind: {name: place for name, place in names.items() if place} for kind, names in answer['sources'].items()}
    return Recording(found, fetched, nixpkgs, known, answer['root'])


def nixops_of(candidate: Candidate, instances: Iterable[tuple[str, Any]], system: str) -> list[str | None]:
    """The derivation of NixOps 1 in each instance of nixpkgs: its source as code, and its config. None where it has none."""
    instance = '((import (%s) { inherit system; config = %s; }).nixops.drvPath or null)'
    code = ' '.join(instance % (source, to_nix(config)) for source, config in instances)
    text = 'let system = %s; in map (drv: let tried = builtins.tryEval drv; in if tried.success then tried.value else null) [ %s ]'
    found: list[str | None] = evaluation.ask(candidate, text % (quoted(system), code))
    return found
