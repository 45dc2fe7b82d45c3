# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Deploys a NixOps 1.x network.
{ pkgs, lib, effects, parameters }:

let
  own = [
    "NIXOPS_DEPLOYMENT"
    "NIX_PATH"
    "action"
    "deployOnlyNetworkFiles"
    "knownHostsName"
    "networkArgs"
    "networkFiles"
    "prebuild"
    "prebuildOnlyNetworkFiles"
    "stateName"
  ];
  nixops = pkgs.nixops or (throw "Function called without required argument \"nixops\"");

  run =
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
      NIX_PATH ? "nixpkgs=${pkgs.path}",
      NIXOPS_DEPLOYMENT ? name,
      action ? "switch",
      ...
    }@arguments:
    let
      flags = import ./actions.nix;
      actionFlag =
        flags.${action}
          or (throw "runNixOps: the action '${action}' is none of ${builtins.concatStringsSep ", " (builtins.attrNames flags)}");
      keepsState = action != "dry-run";
      nixValue = value: "builtins.fromJSON ${builtins.toJSON (builtins.toJSON value)}";
      networkArguments = builtins.concatStringsSep " " (
        lib.mapAttrsToList (
          key: value:
          lib.escapeShellArgs [
            "--arg"
            key
            (nixValue value)
          ]
        ) networkArgs
      );
      info = import nixops.evalMachineInfo {
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
        prebuilt = info.machines { names = builtins.attrNames info.nodes; } // { machineInfo = info; inherit (info) network nodes; };
      }
      // {
        ownParameters = own;
        name = "nixops-${name}";
        inherit
          NIXOPS_DEPLOYMENT
          NIX_PATH
          deployOnlyNetworkFiles
          knownHostsName
          networkFiles
          stateName
          ;
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
          nixops deploy --confirm --allow-reboot --allow-recreate ${actionFlag}
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
    );
in
arguments: parameters.check "runNixOps" own arguments (run arguments)
