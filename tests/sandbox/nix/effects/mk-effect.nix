# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# An effect is a derivation that an agent runs instead of building it. All of its scripts are in its environment; its
# builder is the shell script beside this file.
{ pkgs, lib, ... }:

let
  defaults = {
    __hci_effect_fsroot_copy = pkgs.runCommand "mkEffect-root" { } "echo root >$out";
    preGetStatePhases = "";
    preEffectPhases = "priorCheckPhase";
    postEffectPhases = "effectCheckPhase";
    initScript = "";
    getStateScript = "";
    userSetupScript = "";
    priorCheckScript = "";
    effectScript = "";
    putStateScript = "";
    effectCheckScript = "";
  };

  make =
    arguments:
    let
      toolsOf = package: package.tools or null;
      tools = builtins.filter (directory: directory != null) (map toolsOf (arguments.inputs or [ ]));
    in
    if arguments ? imports then
      throw "`mkEffect` does not support `imports`. Did you mean `modularEffect` instead of `mkEffect`?"
    else
      pkgs.mkDerivation (
        arguments
        // {
          name = lib.sanitizeDerivationName (if arguments ? name then "effect-${arguments.name}" else "effect");
          isEffect = true;
          phases =
            arguments.phases
              or "initPhase unpackPhase patchPhase ${arguments.preGetStatePhases} getStatePhase userSetupPhase ${arguments.preEffectPhases} effectPhase putStatePhase ${arguments.postEffectPhases}";
          args = [
            "-c"
            "exec bash ${./effect.sh}"
          ];
          nativeBuildInputs = arguments.defaultInputs or [ ] ++ arguments.inputs or [ ] ++ arguments.nativeBuildInputs or [ ];
          # Directories of commands that stand-in packages bring without being built.
          toolPath = map toString tools;
          secretTool = "${./secret-tool.py}";
          stateTool = "${./state-tool.py}";
          secretsMap = builtins.toJSON (arguments.secretsMap or { });
          dontUnpack = arguments.dontUnpack or (!(arguments ? src || arguments ? srcs));
        }
      );
in
(lib.makeOverridable make defaults).override
