# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# An effect whose parameters are options of a module.
{ config, lib, hci-effects, pkgs, ... }:

let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  secret = types.either types.str (types.submodule { options.type = mkOption { type = types.enum [ "GitToken" ]; }; });
  link = path: target: lib.mkIf (target != null) "ln -s ${lib.escapeShellArg target} $out${path}";
in
{
  options = {
    name = option (types.nullOr types.str) null;
    src = option (types.nullOr types.path) null;
    inputs = option (types.listOf types.package) [ ];
    secretsMap = option (types.lazyAttrsOf secret) { };
    env = mkOption { default = { }; };
    effectScript = option types.str "";
    userSetupScript = option types.lines "";
    getStateScript = option types.lines "";
    putStateScript = option types.lines "";
    mounts = option (types.lazyAttrsOf types.str) { };
    uid = option types.int 0;
    gid = option types.int 0;
    binsh = option (types.nullOr types.str) "${pkgs.bash}/bin/bash";
    usrbinenv = option (types.nullOr types.str) "${pkgs.coreutils}/bin/env";
    fsRoot = mkOption { type = types.path; };
    fsRootBuildCommands = mkOption { type = types.lines; };
    extraAttributes = option (types.submodule { freeformType = types.attrsOf types.raw; }) { };
    effectDerivationArgs = mkOption { type = types.lazyAttrsOf types.unspecified; };
    effectDerivation = mkOption {
      type = types.package;
      readOnly = true;
    };
  };

  config = {
    effectDerivation = hci-effects.mkEffect config.effectDerivationArgs;
    effectDerivationArgs = {
      inherit (config)
        effectScript
        getStateScript
        inputs
        putStateScript
        secretsMap
        userSetupScript
        ;
      __hci_effect_mounts = builtins.toJSON config.mounts;
      __hci_effect_virtual_uid = config.uid;
      __hci_effect_virtual_gid = config.gid;
      __hci_effect_fsroot_copy = config.fsRoot;
      passthru = config.extraAttributes;
    }
    // lib.filterAttrs (_: value: value != null) { inherit (config) name src; }
    // config.env;

    fsRoot = pkgs.runCommand "effect-fs-root" { commands = config.fsRootBuildCommands; } "echo root >$out";
    fsRootBuildCommands = lib.mkMerge [
      (link "/bin/sh" config.binsh)
      (link "/usr/bin/env" config.usrbinenv)
    ];
    extraAttributes.config = config;
    extraAttributes.tests.buildable =
      (config.effectDerivation.overrideAttrs (_: { isEffect = false; })).inputDerivation;
  };
}
