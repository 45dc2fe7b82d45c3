# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# An effect is a derivation that an agent runs instead of building it. All of its scripts are in its environment; its
# builder is the shell script beside this file.
{ pkgs, lib, parameters, ... }:

arguments:
let
  named = if arguments ? name then "effect-${arguments.name}" else "effect";
in
if arguments ? imports then
  throw "`mkEffect` does not support `imports`. Did you mean `modularEffect` instead of `mkEffect`?"
else
  parameters.check "mkEffect" (arguments.ownParameters or [ ]) (removeAttrs arguments [ "ownParameters" ]) (
    pkgs.mkDerivation (
      removeAttrs arguments [
        "inputs"
        "ownParameters"
      ]
      // {
        name = lib.sanitizeDerivationName named;
        isEffect = true;
        args = [
          "-c"
          "exec bash ${./effect.sh}"
        ];
        nativeBuildInputs = arguments.inputs or [ ];
        # Directories of commands that stand-in packages bring without being built.
        toolPath = map (package: "${package.tools}") (
          builtins.filter (package: package ? tools) (arguments.inputs or [ ])
        );
        stateTool = "${./state-tool.py}";
        secretsMap = builtins.toJSON (arguments.secretsMap or { });
        dontUnpack = arguments.dontUnpack or (!(arguments ? src));
      }
    )
  )
