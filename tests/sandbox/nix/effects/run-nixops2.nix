# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Deploys a NixOps 2.x network, whose state NixOps itself keeps with a storage plugin.
{ pkgs, lib, effects, parameters }:

let
  own = [
    "NIXOPS_DEPLOYMENT"
    "NIX_PATH"
    "action"
    "allowReboot"
    "allowRecreate"
    "extraDeployArgs"
    "flake"
    "forgetState"
    "makeAnException"
    "networkFiles"
    "nix"
    "nixops"
    "prebuild"
    "prebuildNetworkArgs"
    "prebuildOnlyModules"
    "prebuildOnlyNetworkFiles"
  ];
  exception = "I know this can corrupt the state, until https://github.com/NixOS/nixops/issues/1499 is resolved.";

  run =
    {
      name ? null,
      flake ? null,
      networkFiles ? null,
      src ? flake.outPath,
      forgetState ? false,
      prebuild ? true,
      prebuildNetworkArgs ? { },
      prebuildOnlyNetworkFiles ? [ ],
      prebuildOnlyModules ? [ ],
      nixops ? throw "runNixOps2: nixops must be passed, for example nixops = pkgs.nixops_unstable_minimal.withPlugins (ps: [ ps.nixops-hercules-ci ps.nixops-aws ]);",
      nix ? pkgs.nix,
      action ? "switch",
      allowReboot ? true,
      allowRecreate ? true,
      extraDeployArgs ? [ ],
      ...
    }@arguments:
    let
      deployment = if name != null then name else "nixops";
      flags =
        (import ./actions.nix).${action}
        + lib.optionalString allowReboot " --allow-reboot"
        + lib.optionalString allowRecreate " --allow-recreate"
        + " ${lib.escapeShellArgs extraDeployArgs}";
      info = import nixops.evalMachineInfo {
        inherit pkgs;
        networkExprs =
          (
            if flake == null then
              map (file: (src.origSrc or src) + "/${file}") (networkFiles ++ prebuildOnlyNetworkFiles)
            else
              [ flake.nixopsConfigurations.default ] ++ prebuildOnlyNetworkFiles
          )
          ++ prebuildOnlyModules;
        deploymentName = deployment;
        args = prebuildNetworkArgs;
      };
      inherit (info.info) network;
      checked =
        value:
        if forgetState then
          value
        else if !(network ? storage) || network.storage ? legacy then
          throw "Your deployment must specify a remote storage solution, such as network.storage.hercules-ci. If you know for sure that your deployment is stateless, pass forgetState = true to runNixOps2."
        else
          lib.warnIf (network.lock or { } == { } || network.lock ? noop)
            "Your deployment does not specify remote lock driver, such as network.lock.hercules-ci."
            value;
    in
    if (flake == null) == (networkFiles == null) then
      throw "assertion '((flake == null) != (networkFiles == null))' failed"
    else if action != "switch" && arguments.makeAnException or null != exception then
      throw "The runNixOps2 action parameter is disabled until https://github.com/NixOS/nixops/issues/1499 is resolved."
    else
      effects.mkEffect (
        { NIX_PATH = "nixpkgs=${pkgs.path}"; }
        // removeAttrs arguments [
          "flake"
          "nix"
          "nixops"
          "prebuildNetworkArgs"
          "prebuildOnlyModules"
        ]
        // lib.optionalAttrs prebuild {
          prebuilt = checked (
            info.machines { names = builtins.attrNames info.nodes; } // { machineInfo = info; inherit (info) network nodes; }
          );
        }
        // {
          ownParameters = own;
          name = "nixops-${deployment}";
          inherit src;
          NIXOPS_GENERATION = "2";
          NIXOPS_DEPLOYMENT = arguments.NIXOPS_DEPLOYMENT or name;
          inputs = [
            nix
            nixops
            pkgs.openssh
            pkgs.rsync
            pkgs.hci
            pkgs.git
          ]
          ++ arguments.inputs or [ ];
          effectScript = arguments.effectScript or "nixops deploy --confirm ${flags}";
          priorCheckScript = arguments.priorCheckScript or "nixops check";
          effectCheckScript = arguments.effectCheckScript or "nixops check";
        }
      );
in
arguments: parameters.check "runNixOps2" own arguments (run arguments)
