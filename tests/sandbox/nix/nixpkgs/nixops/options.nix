# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The options that NixOps declares, with their types and defaults, from options.json: [ type default ], or [ type ] where nothing is
# preset.
{ lib, generation }:

let
  quoted = import ../quoted.nix;
  inherit (lib) mkOption types;
  declared = builtins.fromJSON (builtins.readFile ./options.json);

  # A name, or a list of one and what it takes.
  typeOf =
    type:
    if builtins.isString type then
      { submodule = types.attrs; }.${type} or types.${type}
    else
      let
        constructor = builtins.head type;
        parts = builtins.tail type;
      in
      if constructor == "enum" then types.enum (builtins.head parts) else lib.foldl' (f: part: f (typeOf part)) types.${constructor} parts;
  # Where a string or a resource is expected, a resource counts as its name.
  takesResource = type: builtins.isList type && (type == [ "either" "str" "unspecified" ] || lib.any takesResource type);
  nameOf =
    value:
    if builtins.isList value then
      map nameOf value
    else if builtins.isAttrs value && value ? _name then
      value.name or "res-${value._name}"
    else
      value;
  toOption =
    declaration:
    let
      type = builtins.head declaration;
    in
    mkOption (
      { type = typeOf type; }
      // lib.optionalAttrs (builtins.length declaration > 1) { default = builtins.elemAt declaration 1; }
      // lib.optionalAttrs (takesResource type) { apply = nameOf; }
    );
  toOptions = builtins.mapAttrs (_: part: if builtins.isList part then toOption part else toOptions part);
  # Presets that tell of what they are a part are definitions: the options themselves are the same for all.
  isPersonal = part: builtins.isList part && builtins.length part > 1 && filled "" "" (builtins.elemAt part 1) != builtins.elemAt part 1;
  filled =
    uuid: name: value:
    if builtins.isString value then builtins.replaceStrings [ "@uuid@" "@name@" ] [ uuid name ] value else value;
  presets =
    { uuid, name }:
    parts:
    builtins.mapAttrs (_: part: lib.mkOptionDefault (filled uuid name (builtins.elemAt part 1))) (
      lib.filterAttrs (_: isPersonal) parts
    );
  # Not the presets of these.
  impersonal = builtins.mapAttrs (
    _: part: if !builtins.isList part then impersonal part else if isPersonal part then [ (builtins.head part) ] else part
  );

  # In both kinds of configurations.
  common = {
    _name = mkOption { };
    deployment = {
      name = mkOption { type = types.str; };
      uuid = mkOption { type = types.str; };
      arguments = mkOption { };
    };
  };

  key =
    { config, name, ... }:
    {
      options = {
        text = mkOption { type = types.nullOr types.str; default = null; };
        keyFile = mkOption { type = types.nullOr types.path; default = null; };
        keyCommand = mkOption { type = types.nullOr (types.listOf types.str); default = null; };
        name = mkOption { type = types.str; default = name; };
        destDir = mkOption { type = types.path; default = "/run/keys"; };
        path = mkOption { type = types.path; default = "${config.destDir}/${name}"; };
        user = mkOption { type = types.str; default = "root"; };
        group = mkOption { type = types.str; default = "root"; };
        permissions = mkOption { type = types.str; default = "0600"; };
      };
    };

  ofGeneration =
    if generation == 1 then
      { }
    else
      {
        targetUser = mkOption { type = types.str; default = "root"; };
        sshOptions = mkOption { type = types.listOf types.str; default = [ ]; };
        privilegeEscalationCommand = mkOption { type = types.listOf types.str; default = [ "sudo" "-H" "--" ]; };
        provisionSSHKey = mkOption { type = types.bool; default = true; };
        # Of plugins.
        droplet = mkOption { type = types.attrs; default = { }; };
        hetznercloud = mkOption { type = types.attrs; default = { }; };
      };
  machineOptions = lib.foldl' lib.recursiveUpdate (toOptions (impersonal declared.machine)) [
    common
    {
        _type = mkOption { default = "machine"; };
        deployment = ofGeneration // {
          targetHost = mkOption { type = types.str; };
          targetPort = mkOption { type = types.int; };
          keys = mkOption {
            type = types.attrsOf (types.either types.str (types.submodule key));
            default = { };
            apply = builtins.mapAttrs (_: value: if builtins.isString value then { text = value; } else value);
          };
          ec2.ami = mkOption { type = types.str; };
        };
    }
  ];
  resourceOptions = builtins.mapAttrs (_: kind: lib.recursiveUpdate common (toOptions (impersonal kind))) declared.resources;
  regions = "(af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-[a-z]+-[0-9]";
in
{
  kinds = builtins.attrNames declared.resources;

  resource =
    kind:
    { uuid, name, ... }:
    {
      options = resourceOptions.${kind};
      config = { _name = lib.mkOptionDefault name; } // presets { inherit uuid name; } declared.resources.${kind};
    };

  machine =
    { config, name, uuid, ... }:
    let
      inherit (config) deployment;
    in
    {
      options = machineOptions;
      config = {
        _name = lib.mkOptionDefault name;
        networking.hostName = lib.mkOverride 900 name;
        deployment = {
          targetHost = lib.mkOverride 900 name;
          targetPort = lib.mkDefault (lib.head config.services.openssh.ports);
          azure = presets { inherit uuid name; } declared.machine.deployment.azure;
          gce = presets { inherit uuid name; } declared.machine.deployment.gce;
          ec2.ami = lib.mkIf (deployment.targetEnv == "ec2") (
            lib.mkOptionDefault (
              if builtins.match regions deployment.ec2.region == null then
                throw "I don't know an AMI for region ${quoted deployment.ec2.region} and platform type ${quoted config.nixpkgs.system}"
              else
                "ami-of-${deployment.ec2.region}"
            )
          );
        };
      };
    };
}
