# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# mkDerivation without a standard environment: /bin/sh runs buildCommand with nothing but its built-in commands.
{ lib, system }:

let
  make =
    arguments:
    let
      name =
        arguments.name
          or (if arguments ? pname then "${arguments.pname}-${arguments.version or "0"}" else throw "mkDerivation: a name is required");
      passthru = arguments.passthru or { };
      attributes = removeAttrs arguments [
        "passthru"
        "meta"
        "buildCommand"
      ];
      inherit (builtins) derivation;
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
    // passthru
    // {
      inherit name passthru inputDerivation;
      meta = arguments.meta or { };
      overrideAttrs = change: make (arguments // (if builtins.isFunction change then change arguments else change));
    }
    // lib.optionalAttrs (arguments ? isEffect) { inherit (arguments) isEffect; };
in
make
