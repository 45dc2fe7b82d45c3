# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Switches a NixOS machine over SSH.
{ pkgs, lib, effects }:

{
  configuration ? throw "effects.runNixOS: you must provide a configuration (or a fully evaluated configuration in `config`)",
  system ? null,
  nixpkgs ? pkgs.path,
  config ? null,
  profile ? "/nix/var/nix/profiles/system",
  ssh,
  passthru ? { },
  buildOnDestination ? null,
  ...
}@arguments:
let
  isEvaluated = arguments ? configuration.config && configuration ? _module && configuration._type or null == "configuration";
  evaluated =
    if isEvaluated then
      configuration
    else if arguments ? config then
      { inherit config; }
    else if arguments ? configuration then
      import (nixpkgs + "/nixos/lib/eval-config.nix") {
        modules = [ configuration ];
        inherit system;
        anyService = false;
      }
    else
      throw "effects.runNixOS: you must provide a configuration";
  ssh' = {
    destinationPkgs =
      evaluated._module.args.pkgs
        or (throw "runNixOS: ssh.destinationPkgs is required with ssh.buildOnDestination when only `config` is passed.");
  }
  // ssh
  // lib.optionalAttrs (buildOnDestination != null) { inherit buildOnDestination; };
  inherit (evaluated.config.system.build) toplevel;
in
if !(evaluated.config ? environment.systemPackages) then
  throw "effects.runNixOS expects `config` to be an already evaluated configuration, like the `config` variable that's used in NixOS modules. Perhaps you intended to write `configuration` instead of `config`?"
else
  effects.mkEffect (
    removeAttrs arguments [
      "buildOnDestination"
      "config"
      "configuration"
      "nixpkgs"
      "ssh"
      "system"
    ]
    // {
      name = "nixos-${ssh.destination}";
      inputs = [ pkgs.openssh ];
      effectScript = ''
        ${arguments.effectScript or ""}
        ${effects.ssh ssh' ''
          nix-env -p ${profile} --set ${toplevel}
          ${toplevel}/bin/switch-to-configuration switch
        ''}
      '';
      passthru = {
        prebuilt = toplevel // { inherit (evaluated) config; };
        inherit (evaluated) config;
      }
      // passthru;
      dontUnpack = arguments.dontUnpack or true;
    }
  )
