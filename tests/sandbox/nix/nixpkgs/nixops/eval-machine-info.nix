# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Merges the files of a network into machines and resources; its result has the form that the NixOps expression of this name has.
{
  pkgs,
  # Files; networks of flakes are sets.
  networkExprs,
  deploymentName,
  args ? { },
  uuid ? "00000000-0000-0000-0000-000000000000",
  # NixOps 1 or 2.
  generation ? 1,
}:

let
  inherit (pkgs) lib;
  inherit (builtins) attrNames concatMap mapAttrs;

  load =
    expression:
    let
      value = if builtins.isAttrs expression then expression else import expression;
      network = if builtins.isFunction value then value args else value;
    in
    network // { _file = if builtins.isAttrs expression then "a flake" else toString expression; };
  keyed = file: { key = toString file; };
  # Networks, and the files that they require.
  networks =
    map ({ key }: load key) (
      builtins.genericClosure {
        startSet = map keyed (builtins.filter (expression: !builtins.isAttrs expression) networkExprs);
        operator = { key }: map keyed ((load key).require or [ ]);
      }
    )
    ++ map load (builtins.filter builtins.isAttrs networkExprs);
  network = lib.zipAttrs networks;
  modulesOf =
    name:
    concatMap (
      part:
      lib.optional (part ? ${name}) {
        imports = [ part.${name} ];
        inherit (part) _file;
      }
    ) networks;

  options = if generation == 1 then pkgs.nixops1Options else pkgs.nixops2Options;
  information.deployment = {
    name = deploymentName;
    arguments = args;
    inherit uuid;
  };

  machineNames = attrNames (
    removeAttrs network (
      [
        "_file"
        "defaults"
        "network"
        "require"
        "resources"
      ]
      ++ lib.optional (generation == 2) "nixpkgs"
    )
  );
  node =
    name:
    import ../nixos/lib/eval-config.nix {
      inherit lib pkgs;
      inherit (pkgs) system;
      modules = modulesOf name ++ modulesOf "defaults" ++ [ information options.machine ];
      specialArgs = { inherit name uuid; };
      extraArgs = { inherit deploymentName nodes resources; };
    };
  nodes = lib.genAttrs machineNames node;

  evaluatedResources = lib.genAttrs options.kinds (
    kind:
    mapAttrs (
      name: values:
      lib.evalModules {
        modules = [
          (options.resource kind)
          information
          { _module.args = { inherit pkgs resources; nodes = nodesForResources; }; }
        ]
        ++ values;
        specialArgs = { inherit name uuid; };
      }
    ) (lib.zipAttrs (lib.catAttrs kind (network.resources or [ ])))
  );
  nodesForResources = if generation == 1 then info.machines else mapAttrs (name: value: info.machines.${name} // value) nodes;
  resources = mapAttrs (_: mapAttrs (_: value: value.config)) evaluatedResources // {
    machines = mapAttrs (_: value: value.config) nodes;
  };

  backends = [
    "azure"
    "container"
    "digitalOcean"
    "ec2"
    "gce"
    "hetzner"
    "libvirtd"
    "virtualbox"
  ];
  info = {
    machines = mapAttrs (
      _: value:
      let
        inherit (value.config) deployment networking system;
      in
      {
        inherit (deployment)
          alwaysActivate
          hasFastConnection
          keys
          owners
          targetEnv
          targetHost
          targetPort
          ;
        inherit (networking) publicIPv4;
        nixosRelease = system.nixos.release;
      }
      // lib.genAttrs backends (kind: lib.optionalAttrs (deployment.targetEnv == kind) deployment.${kind})
      // (
        if generation == 1 then
          { inherit (deployment) encryptedLinksTo route53 storeKeysOnMachine; }
        else
          {
            inherit (deployment)
              privilegeEscalationCommand
              provisionSSHKey
              sshOptions
              targetUser
              ;
          }
      )
    ) nodes;
    network = removeAttrs (lib.foldl' (a: b: a // b) { } (network.network or [ ])) (lib.optional (generation == 2) "nixpkgs");
    resources = removeAttrs resources [ "machines" ];
  };

  toplevels = names: lib.genAttrs names (name: builtins.unsafeDiscardStringContext nodes.${name}.config.system.build.toplevel.outPath);
in
{
  inherit
    info
    network
    networks
    nodes
    resources
    uuid
    ;
  defaults = network.defaults or [ ];

  # One derivation for the systems of machines. It does not need them built: that takes a while, and nobody boots them.
  machines =
    { names }:
    pkgs.mkDerivation {
      name = "nixops-machines";
      names = builtins.attrNames (toplevels names);
      systems = builtins.attrValues (toplevels names);
    };

  # What "nixops deploy" compares with the state: types of machines, and names of other resources.
  wanted = {
    machines = mapAttrs (_: value: value.config.deployment.targetEnv) nodes;
    resources = mapAttrs (_: found: builtins.deepSeq (mapAttrs (_: value: builtins.toJSON value.definitions) found) (attrNames found)) evaluatedResources;
  };
  # Where the configurations of the machines would lie.
  paths = {
    machines = toplevels machineNames;
    all =
      (pkgs.mkDerivation {
        name = "nixops-machines";
        systems = builtins.attrValues (toplevels machineNames);
      }).outPath;
  };
}
