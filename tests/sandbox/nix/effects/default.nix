# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

pkgs:

let
  inherit (pkgs) lib;
  minimum = "22.05";
  parameters = import ./parameters.nix { inherit lib; };
  call = file: import file { inherit pkgs lib effects parameters; };

  effects =
    {
      mkEffect = call ./mk-effect.nix;
      runNixOps = call ./run-nixops.nix;
      runNixOps2 = call ./run-nixops2.nix;

      # An effect when the condition holds, else only what it is made of.
      runIf =
        condition: effect:
        lib.recurseIntoAttrs (
          (
            if condition then
              { run = effect; }
            else
              {
                dependencies = effect.inputDerivation // {
                  isEffect = false;
                  buildDependenciesOnly = true;
                };
              }
          )
          // lib.optionalAttrs (effect ? prebuilt) { inherit (effect) prebuilt; }
        );
    }
    // call ./others.nix;
in
if lib.versionOlder lib.version minimum then
  abort ''
    hercules-ci-effects: The nixpkgs version is too old.
    The version of nixpkgs must be at least ${minimum},
    but the actual version is ${lib.version}.
  ''
else
  effects
