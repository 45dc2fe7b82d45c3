# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Merges the files of a network into machines and resources, in the manner of the NixOps expression of this name.
{
  pkgs,
  networkExprs,
  deploymentName,
  args ? { },
  uuid ? "00000000-0000-0000-0000-000000000000",
}:

let
  inherit (pkgs) lib;
  inherit (builtins) concatMap attrNames mapAttrs;

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
    map load (builtins.filter builtins.isAttrs networkExprs)
    ++ map ({ key }: load key) (
      builtins.genericClosure {
        startSet = map keyed (builtins.filter (expression: !builtins.isAttrs expression) networkExprs);
        operator = { key }: map keyed ((load key).require or [ ]);
      }
    );
  definitions = name: concatMap (network: lib.optional (network ? ${name}) { inherit (network) _file; value = network.${name}; }) networks;
  all = builtins.zipAttrsWith (_: values: values) networks;

  machineNames = attrNames (
    removeAttrs all [
      "_file"
      "defaults"
      "network"
      "require"
      "resources"
    ]
  );

  evalModules = import ../modules.nix { inherit lib; };
  asModule = definition: { imports = [ definition.value ]; inherit (definition) _file; };

  # NixOS' own groups of options; this stand-in does not know what is in them.
  nixosOptions = [
    "assertions"
    "boot"
    "console"
    "containers"
    "documentation"
    "environment"
    "fileSystems"
    "fonts"
    "hardware"
    "i18n"
    "ids"
    "krb5"
    "location"
    "meta"
    "nix"
    "nixpkgs"
    "powerManagement"
    "programs"
    "security"
    "services"
    "specialisation"
    "swapDevices"
    "systemd"
    "time"
    "users"
    "virtualisation"
    "warnings"
    "xdg"
    "zramSwap"
  ];

  node =
    name:
    evalModules {
      open = nixosOptions;
      modules = [ ./options.nix ] ++ map asModule (definitions name ++ definitions "defaults") ++ [
        { deployment = { name = deploymentName; inherit uuid; arguments = args; }; }
      ];
      arguments = {
        inherit
          deploymentName
          name
          nodes
          pkgs
          resources
          uuid
          ;
        modulesPath = toString ../nixos/modules;
      };
    };

  # What is to run on a machine, of which a stand-in has no more than its path.
  toplevel =
    evaluated: name:
    pkgs.mkDerivation {
      name = "nixos-system-${name}-${lib.version}";
      configuration = builtins.deepSeq (forceMachine name) (
        builtins.hashString "sha256" (builtins.unsafeDiscardStringContext (builtins.toJSON (force evaluated.definitions)))
      );
    };
  nodes = lib.genAttrs machineNames (
    name:
    let
      evaluated = node name;
      system = evaluated.config.system // { build.toplevel = toplevel evaluated name; };
    in
    evaluated // { config = evaluated.config // { inherit system; }; }
  );

  # Resources are open records with what NixOps adds to each.
  resource =
    type: name: values:
    evalModules {
      modules = values ++ [
        {
          options = {
            name = lib.mkOption { default = "charon-${uuid}-${name}"; };
            _name = lib.mkOption { default = name; };
            _type = lib.mkOption { default = type; };
          };
        }
      ];
      open = null;
      arguments = {
        inherit
          name
          pkgs
          resources
          uuid
          ;
        nodes = mapAttrs (_: value: value.config) nodes;
      };
    };
  evaluatedResources = mapAttrs (type: mapAttrs (resource type)) (
    builtins.zipAttrsWith (_: builtins.zipAttrsWith (_: values: values)) (all.resources or [ ])
  );
  resources =
    mapAttrs (_: mapAttrs (_: value: value.config)) evaluatedResources
    // { machines = mapAttrs (_: value: value.config) nodes; };

  # Evaluate all that the files define, but of packages and sources only their names.
  force =
    value:
    if lib.isDerivation value then
      value.drvPath
    else if builtins.isAttrs value then
      value.outPath or (mapAttrs (_: force) value)
    else if builtins.isList value then
      map force value
    else
      if builtins.isFunction value then null else value;
  forceMachine =
    name: [
      (attrNames nodes.${name}.config)
      (attrNames nodes.${name}.config.deployment)
      (force nodes.${name}.definitions)
    ];

  info = {
    machines = mapAttrs (_: value: { inherit (value.config.deployment) targetEnv targetHost; }) nodes;
    network = builtins.foldl' (a: b: a // b) { } (all.network or [ ]);
    resources = mapAttrs (_: attrNames) evaluatedResources;
  };

  # One derivation for all machines, whose instantiation evaluates all of the network.
  machines =
    { names }:
    pkgs.mkDerivation {
      name = "nixops-machines";
      names = builtins.deepSeq [
        (map forceMachine names)
        (force (mapAttrs (_: mapAttrs (_: value: value.definitions)) evaluatedResources))
      ] names;
      systems = map (name: builtins.unsafeDiscardStringContext nodes.${name}.config.system.build.toplevel.outPath) names;
    };
in
{
  inherit
    info
    machines
    nodes
    resources
    ;
  network = all;
  # What "nixops deploy" compares with the state: types of machines, and names of other resources.
  wanted = {
    machines = mapAttrs (_: value: value.config.deployment.targetEnv) nodes;
    resources = mapAttrs (_: attrNames) evaluatedResources;
  };
  # Where the configurations of the machines would lie, for "nixops deploy".
  paths = {
    all = (machines { names = machineNames; }).outPath;
    machines = lib.genAttrs machineNames (
      name: builtins.unsafeDiscardStringContext nodes.${name}.config.system.build.toplevel.outPath
    );
  };
}
