# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Evaluates a commit by the rules of hercules-ci-agent: which function is called with what, which sets are visited,
# what is an effect.
{
  file,
  # The record that the legacy form receives as src, and the attribute form as primaryRepo.
  repository,
  # What the attribute form receives besides.
  meta ? { },
  # { } for the legacy form or the configuration; { kind = "onPush"; name = …; inputs = …; } for a handler.
  handler ? { },
}:

let
  inherit (builtins)
    attrNames
    concatMap
    functionArgs
    intersectAttrs
    isAttrs
    isFunction
    isList
    isString
    listToAttrs
    mapAttrs
    ;

  isLambda = value: isFunction value && !isAttrs value;
  # Only a function whose argument is a pattern is called: src: … is not.
  takesPattern = f: builtins.match ".*<function>[[:space:]]*<attrspat.*|.*<function [^>]*>[[:space:]]*<attrspat.*" (builtins.toXML f) != null;
  hasEllipsis = f: builtins.match ".*<attrspat [^>]*ellipsis=\"1\".*" (builtins.toXML f) != null;
  autoCall =
    arguments: value:
    if isAttrs value && value ? __functor then
      autoCall arguments (value.__functor value)
    else if isLambda value && takesPattern value then
      value (if hasEllipsis value then arguments else intersectAttrs (functionArgs value) arguments)
    else
      value;

  isFlake = baseNameOf file == "flake.nix";
  flake = builtins.getFlake handler.flake or meta.flake;
  home = if isFlake then flake else autoCall { src = repository; } (import file);

  primaryRepo = repository // (if isFlake then { inherit (flake) outPath; } else { });
  herculesCIArguments = {
    inherit (repository)
      branch
      ref
      rev
      shortRev
      tag
      ;
    inherit primaryRepo;
    herculesCI = removeAttrs meta [ "flake" ];
  };
  call = value: arguments: if isFunction value then value arguments else value;
  given = call (home.herculesCI or { }) herculesCIArguments;
  # A flake without onPush has a default handler with its outputs.
  defaults = if isFlake && !(given ? onPush) then { onPush.default.outputs = flakeOutputs; } else { };
  herculesCI = given // defaults;
  flakeOutputs = mapAttrs (name: value: if name == "effects" then call value herculesCIArguments else value) (
    intersectAttrs {
      apps = null;
      checks = null;
      devShells = null;
      effects = null;
      formatter = null;
      packages = null;
    } flake.outputs or flake
  );

  hasHerculesCI = isFlake || (isAttrs home && home ? herculesCI);
  enabled = handlers: removeAttrs handlers (builtins.filter (name: !(handlers.${name}.enable or true)) (attrNames handlers));
  extraInputs = mapAttrs (_: input: { inherit (input) project; ref = input.ref or null; });

  legacy = handler == { };
  root = if legacy then home else call herculesCI.${handler.kind}.${handler.name}.outputs inputs;
  inputs = mapAttrs (
    _: input:
    input
    // {
      outPath = builtins.path {
        name = "source";
        path = /. + input.outPath;
      };
    }
  ) (handler.inputs or { });

  isDerivation = value: isAttrs value && value.type or null == "derivation";
  # The root and sets that ask for it in the legacy form; all but sets with _type in the attribute form.
  isVisited =
    path: set: if legacy then path == [ ] || set.recurseForDerivations or false else !(set ? _type);

  describe =
    path: drv:
    let
      isEffect = drv.isEffect or false;
    in
    if isEffect && !legacy && (path == [ ] || builtins.head path != "effects") then
      {
        inherit path;
        error = "This derivation is marked as an effect, but effects are only allowed below the effects attribute.";
      }
    else
      {
        inherit path;
        drv = builtins.unsafeDiscardStringContext drv.drvPath;
        typ =
          if isEffect then
            "Effect"
          else if drv.buildDependenciesOnly or false || (drv.phases or null) == [ "nobuildPhase" ] then
            "DependenciesOnly"
          else if drv.ignoreFailure or false then
            "MayFail"
          else if drv.requireFailure or false then
            "MustFail"
          else
            "Regular";
      };

  children =
    path: set:
    map (name: {
      path = path ++ [ name ];
      value = set.${name};
    }) (if isVisited path set then attrNames set else [ ]);
  node =
    path: value:
    if isDerivation value then
      [ (describe path value) ]
    else if isAttrs value && builtins.length path < 10 then
      concatMap (child: node child.path child.value) (children path value)
    else
      [ ];
  find = path: builtins.foldl' (set: name: set.${name}) root path;
in
{
  config =
    if hasHerculesCI then
      {
        inherit isFlake;
        onPush = mapAttrs (_: value: { extraInputs = extraInputs (value.extraInputs or { }); }) (enabled (herculesCI.onPush or { }));
        onSchedule = mapAttrs (_: value: {
          extraInputs = extraInputs (value.extraInputs or { });
          when = value.when or { };
        }) (enabled (herculesCI.onSchedule or { }));
      }
    else
      null;

  # All derivations below a path.
  below = path: node path (find path);

  # One step of the walk, for when something below a path fails: the derivation there, or the names of its children.
  step =
    path:
    let
      value = find path;
    in
    if isDerivation value then
      { found = [ (describe path value) ]; names = [ ]; }
    else if isAttrs value then
      { found = [ ]; names = map (child: builtins.elemAt child.path (builtins.length path)) (children path value); }
    else
      { found = [ ]; names = [ ]; };
}
