# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Deploys a NixOps 2.x network, whose state NixOps itself keeps with a storage plugin.
{ pkgs, lib, effects }:

let
  exception = "I know this can corrupt the state, until https://github.com/NixOS/nixops/issues/1499 is resolved.";
in
{
  name ? null,
  flake ? null,
  src ? flake.outPath,
  forgetState ? false,
  prebuildNetworkArgs ? { },
  secretsMap ? { },
  nixops ? throw "runNixOps2: nixops must be passed, for example nixops = pkgs.nixops_unstable_minimal.withPlugins (ps: [ ps.nixops-hercules-ci ps.nixops-aws ]);",
  nix ? pkgs.nix,
  prebuild ? true,
  prebuildOnlyNetworkFiles ? [ ],
  prebuildOnlyModules ? [ ],
  networkFiles ? null,
  action ? "switch",
  allowReboot ? true,
  allowRecreate ? true,
  extraDeployArgs ? [ ],
  ...
}@arguments:
let
  deployment = if name != null then name else "nixops";
  flags =
    lib.optional ((import ./actions.nix).${action} != "") (import ./actions.nix).${action}
    ++ lib.optional allowReboot "--allow-reboot"
    ++ lib.optional allowRecreate "--allow-recreate"
    ++ extraDeployArgs;
  machineInfo = import nixops.evalMachineInfo {
    inherit pkgs;
    generation = 2;
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
  inherit (machineInfo.info) network;
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
assert ((flake == null) != (networkFiles == null));
if action != "switch" && arguments.makeAnException or null != exception then
  throw "The runNixOps2 action parameter is disabled until https://github.com/NixOS/nixops/issues/1499 is resolved."
else
  effects.mkEffect (
    { NIX_PATH = "nixpkgs=${pkgs.path}"; }
    // removeAttrs arguments [
      "flake"
      "prebuildNetworkArgs"
      "prebuildOnlyModules"
    ]
    // lib.optionalAttrs prebuild {
      prebuilt = checked (
        machineInfo.machines { names = builtins.attrNames machineInfo.nodes; }
        // {
          inherit machineInfo;
          inherit (machineInfo) network nodes;
        }
      );
    }
    // {
      name = "nixops-${deployment}";
      inherit src;
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
      effectScript = arguments.effectScript or "nixops deploy --confirm ${lib.escapeShellArgs flags}";
      priorCheckScript = arguments.priorCheckScript or "nixops check";
      effectCheckScript = arguments.effectCheckScript or "nixops check";
    }
  )
