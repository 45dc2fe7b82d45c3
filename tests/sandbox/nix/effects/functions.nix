# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# All functions, and the other values that stand beside them.
pkgs:

let
  inherit (pkgs) lib;
  minimum = "22.05";
  call = file: import file { inherit pkgs lib effects; };
  hook = name: pkgs.runCommand "hercules-ci-${name}-setup-hook" { } "echo ${name} >$out";

  effects = {
    mkEffect = call ./mk-effect.nix;

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

    modularEffect =
      module:
      (lib.evalModules {
        modules = [
          ./modules/effect.nix
          { _module.args.pkgs = lib.mkDefault pkgs; }
          module
        ];
        specialArgs.hci-effects = effects;
      }).config.effectDerivation;
    modularEffectWithUserModule =
      name: libraryModule: userModule:
      effects.modularEffect {
        imports = [
          libraryModule
          (lib.setDefaultModuleLocation "${name} invocation parameters module" userModule)
        ];
      };
    modules = {
      git = ./modules/git.nix;
      git-auth = ./modules/git-auth.nix;
      git-auth-gh = ./modules/git-auth-gh.nix;
      git-update = ./modules/git-update.nix;
    };

    cargoPublish = call ./cargo-publish.nix;
    cargoSetupHook = hook "cargo";
    flakeUpdate = call ./flake-update.nix;
    gitWriteBranch = effects.modularEffectWithUserModule "gitWriteBranch" ./modules/write-branch.nix;
    netlifyDeploy = call ./netlify-deploy.nix;
    netlifySetupHook = hook "netlify";
    runArion = call ./run-arion.nix;
    runCachixDeploy = call ./run-cachix-deploy.nix;
    runNixDarwin = call ./run-nix-darwin.nix;
    runNixOS = call ./run-nixos.nix;
    runNixOps = call ./run-nixops.nix;
    runNixOps2 = call ./run-nixops2.nix;

    runPutUrl =
      {
        name,
        url,
        file,
      }:
      effects.mkEffect {
        name = "put-url-${name}";
        dontUnpack = true;
        inherit file;
        effectScript = "echo stand-in: PUT ${url}";
      };

    ssh = call ./ssh.nix;
    git-crypt-hook = pkgs.mkDerivation {
      name = "effects-git-crypt";
      propagatedBuildInputs = [
        pkgs.git-crypt
        pkgs.gnupg
        pkgs.git
      ];
    };

    # Shell code that runs a command in the environment of a derivation.
    nix-shell =
      { shell }:
      command:
      if lib.isDerivation shell then
        lib.addContextFrom shell.inputDerivation "${pkgs.nix}/bin/nix-shell ${builtins.unsafeDiscardOutputDependency shell.drvPath} --run ${lib.escapeShellArg command}"
      else
        throw "effects.nix-shell: `shell` must be a derivation, but got ${builtins.typeOf shell}";

    effectVMTest =
      module:
      (import (pkgs.path + "/nixos/lib") { inherit lib; }).runTest {
        imports = [ module ];
        config.hostPkgs = pkgs;
      };

    effects = effects;
    hci-effects = effects;
    callPackage = pkgs.newScope effects;
  };
in
if lib.versionOlder lib.version minimum then
  abort ''
    hercules-ci-effects: The nixpkgs version is too old.
    The version of nixpkgs must be at least ${minimum},
    but the actual version is ${lib.version}.
  ''
else
  effects
