# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A stand-in of flake-parts: a flake whose outputs are the option `flake` of modules. It has as much as a flake needs that says what
# Hercules CI does: systems, outputs, and the arguments of `perSystem` for `withSystem`.
{
  lib.mkFlake =
    { inputs }:
    module:
    let
      inherit (inputs.nixpkgs) lib;
      packages = inputs.nixpkgs.legacyPackages;
      evaluated = lib.evalModules {
        modules = [
          {
            options = {
              systems = lib.mkOption { type = lib.types.listOf lib.types.str; };
              flake = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; default = { }; };
              # In flake-parts these are arguments that modules of `perSystem` set: functions of a system's nixpkgs.
              systemArguments = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; default = { }; };
            };
          }
          module
        ];
        specialArgs = {
          inherit inputs withSystem;
          inherit (inputs) self;
        };
      };
      inherit (evaluated) config;
      withSystem =
        system: function:
        if !builtins.elem system config.systems then
          throw "withSystem: the system ${system} is none of the option systems"
        else
          function (
            {
              inherit system;
              pkgs = packages.${system};
            }
            // builtins.mapAttrs (_: argument: argument packages.${system}) config.systemArguments
          );
    in
    config.flake;
}
