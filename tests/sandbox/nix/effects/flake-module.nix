# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The module for flake-parts: the option `herculesCI`, a module that knows the repository of a job, and the argument `hci-effects`.
{ config, lib, ... }:

let
  raw = lib.mkOption { type = lib.types.raw; };
  attributes = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; default = { }; };
in
{
  options.herculesCI = raw;

  config = {
    systemArguments.hci-effects = pkgs: import ./functions.nix pkgs;
    flake.herculesCI =
      { herculesCI, primaryRepo, ... }:
      let
        evaluated = lib.evalModules {
          modules = [
            {
              options = { repo = raw; onPush = attributes; onSchedule = attributes; ciSystems = raw; };
              config = {
                ciSystems = lib.mkDefault config.systems;
                # Without the folder, which modules are not told.
                repo = removeAttrs primaryRepo [ "outPath" ];
              };
            }
            config.herculesCI
          ];
        };
      in
      {
        inherit (evaluated.config) onPush onSchedule ciSystems;
      };
  };
}
