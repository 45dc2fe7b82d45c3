# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Deploys a NixOps 1.x network.
{ pkgs, lib, effects }:

let
  nixops = pkgs.nixops or (throw "Function called without required argument \"nixops\"");
in
{
  name,
  src,
  networkFiles ? [ "network.nix" ],
  networkArgs ? { },
  prebuild ? true,
  prebuildOnlyNetworkFiles ? [ ],
  deployOnlyNetworkFiles ? [ ],
  stateName ? "nixops-${name}.json",
  knownHostsName ? "nixops-${name}.known_hosts",
  secretsMap ? { },
  NIX_PATH ? "nixpkgs=${pkgs.path}",
  action ? "switch",
  ...
}@arguments:
let
  flag =
    (import ./actions.nix).${action}
      or (throw "runNixOps: the action '${action}' is none of ${builtins.concatStringsSep ", " (builtins.attrNames (import ./actions.nix))}");
  keepsState = action != "dry-run";
  nixValue = value: "builtins.fromJSON ${builtins.toJSON (builtins.toJSON value)}";
  networkArguments = lib.escapeShellArgs (
    builtins.concatLists (
      lib.mapAttrsToList (key: value: [
        "--arg"
        key
        (nixValue value)
      ]) networkArgs
    )
  );
  machineInfo = import nixops.evalMachineInfo {
    inherit pkgs;
    networkExprs = map (file: (src.origSrc or src) + "/${file}") (networkFiles ++ prebuildOnlyNetworkFiles);
    deploymentName = name;
    args = networkArgs;
  };
in
effects.mkEffect (
  removeAttrs arguments [
    "networkArgs"
    "prebuildOnlyNetworkFiles"
  ]
  // lib.optionalAttrs prebuild {
    prebuilt = machineInfo.machines { names = builtins.attrNames machineInfo.nodes; } // {
      inherit machineInfo;
      inherit (machineInfo) network nodes;
    };
  }
  // {
    name = "nixops-${name}";
    inherit
      NIX_PATH
      deployOnlyNetworkFiles
      knownHostsName
      networkFiles
      stateName
      ;
    NIXOPS_DEPLOYMENT = arguments.NIXOPS_DEPLOYMENT or name;
    inputs = [
      pkgs.nix
      nixops
      pkgs.git
    ]
    ++ arguments.inputs or [ ];

    getStateScript = ''
      exportFile="$PWD/nixops-state.json"
      getStateFile "$stateName" "$exportFile"
      mkdir -p ~/.ssh
      getStateFile "$knownHostsName" ~/.ssh/known_hosts
      touch ~/.ssh/known_hosts
    '';
    postGetState = ''
      if test -f "$exportFile"; then
        echo "importing the deployment's state"
        nixops import --include-keys <"$exportFile"
        nixops modify $networkFiles $deployOnlyNetworkFiles
      else
        echo "no state: nixops creates a new deployment"
        nixops create $networkFiles $deployOnlyNetworkFiles
      fi
      nixops set-args ${networkArguments}
    '';
    effectScript = ''
      nixops --version
      nixops deploy --confirm --allow-reboot --allow-recreate ${flag}
    '';
    prePutState = lib.optionalString keepsState ''
      nixops export >"$exportFile"
      if ! test -s "$exportFile"; then
        echo >&2 "nixops exported nothing; the state stays as it was"
        rm "$exportFile"
        exit 1
      fi
    '';
    putStateScript = lib.optionalString keepsState ''
      putStateFile "$stateName" "$exportFile"
      putStateFile "$knownHostsName" ~/.ssh/known_hosts
    '';
    priorCheckScript = arguments.priorCheckScript or "nixops check";
    effectCheckScript = arguments.effectCheckScript or (lib.optionalString keepsState "nixops check");
  }
)
