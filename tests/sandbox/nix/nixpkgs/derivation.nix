# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# mkDerivation without a standard environment: /bin/sh runs buildCommand with nothing but its built-in commands. Attributes become
# environment variables, as they do in Nixpkgs, and what cannot become one is refused.
{ lib, system, config ? { } }:

let
  quoted = import ./quoted.nix;
  dependencyLists = [
    "buildInputs"
    "depsBuildBuild"
    "nativeBuildInputs"
    "propagatedBuildInputs"
    "propagatedNativeBuildInputs"
  ];

  make =
    change:
    let
      arguments = if builtins.isFunction change then lib.fix change else change;
      name =
        arguments.name
          or (if arguments ? pname then "${arguments.pname}-${arguments.version or "0"}" else throw "mkDerivation: a name is required");
      passthru = arguments.passthru or { };
      env = arguments.env or { };
      checkDependency =
        list: dependency:
        if dependency == null || lib.isDerivation dependency || builtins.isString dependency || builtins.isPath dependency then
          dependency
        else if builtins.isList dependency then
          map (checkDependency list) dependency
        else
          throw "Dependency is not of a valid type: element of ${list} for ${name}";
      checkVariable =
        key: value:
        if builtins.isString value || builtins.isBool value || builtins.isInt value || lib.isDerivation value then
          value
        else
          throw "The ${quoted "env"} attribute set can only contain derivation, string, boolean or integer attributes. The ${quoted key} attribute is of type ${builtins.typeOf value}.";
      twice = builtins.attrNames (builtins.intersectAttrs env arguments);
      variables =
        if !builtins.isAttrs env then
          throw "The ${quoted "env"} attribute must be an attribute set."
        else if twice != [ ] then
          throw "The ${quoted "env"} attribute set cannot contain any attributes passed to derivation. The following attributes are overlapping: ${toString twice}"
        else
          builtins.mapAttrs checkVariable env;
      attributes =
        removeAttrs arguments [
          "buildCommand"
          "env"
          "meta"
          "passthru"
          "pos"
        ]
        // lib.genAttrs (builtins.filter (list: arguments ? ${list}) dependencyLists) (
          list: map (checkDependency list) arguments.${list}
        )
        // variables;
      # What Nixpkgs refuses unless its configuration allows it.
      meta = arguments.meta or { };
      position = builtins.unsafeGetAttrPos "name" arguments;
      refuse =
        why:
        throw "Package ${quoted name} in ${if position == null then "an unknown place" else "${position.file}:${toString position.line}"} ${why}, refusing to evaluate.";
      licences = lib.filter builtins.isAttrs (lib.flatten (meta.license or [ ]));
      unfree = lib.filter (licence: !(licence.free or true)) licences;
      allowsUnfree = config.allowUnfree or false || (config.allowUnfreePredicate or (_: false)) arguments;
      derivation =
        if meta.broken or false && !(config.allowBroken or false) then
          refuse "is marked as broken"
        else if unfree != [ ] && !allowsUnfree then
          refuse "has an unfree license (${quoted ((lib.head unfree).shortName)})"
        else
          builtins.derivation;
      drv = derivation (
        {
          inherit system;
          builder = "/bin/sh";
          args = [
            "-e"
            "-c"
            (arguments.buildCommand or "echo \"$name\" >$out")
          ];
        }
        // attributes
        // {
          inherit name;
        }
      );
      # What must be there before the build starts, as a derivation of its own.
      inputDerivation = derivation (
        removeAttrs attributes [ "outputs" ]
        // {
          inherit system;
          name = "${name}-inputs";
          builder = "/bin/sh";
          args = [
            "-c"
            "echo \"inputs of $name\" >$out"
          ];
        }
      );
    in
    drv
    // {
      inherit name inputDerivation;
      inherit meta;
      overrideAttrs = more: make (arguments // (if builtins.isFunction more then more arguments else more));
    }
    // passthru
    // {
      inherit passthru;
    };
in
make
