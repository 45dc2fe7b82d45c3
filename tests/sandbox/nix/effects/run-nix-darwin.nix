# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Switches a Mac with nix-darwin over SSH.
{ pkgs, lib, effects }:

let
  inherit (pkgs) openssh;
  missing =
    name:
    throw "runNixDarwin: the argument ${name} wasn't specified. You must pass either nix-darwin, {nixpkgs or pkgs}, system and configuration, or config";
in
{
  nix-darwin ? missing "nix-darwin",
  configuration ? missing "configuration",
  nixpkgs ? null,
  pkgs ? null,
  system ? missing "system",
  config ? null,
  ssh,
  buildOnDestination ? null,
  passthru ? { },
  ...
}@arguments:
let
  isEvaluated = value: value ? config && value ? _module && value._type or "configuration" == "configuration";
  excluded = [
    "configuration"
    "nixpkgs"
    "nix-darwin"
    "system"
    "pkgs"
  ];
  both = builtins.filter (name: arguments ? config && arguments ? ${name}) excluded;
  evaluated =
    if arguments ? configuration && builtins.isAttrs configuration && isEvaluated configuration then
      configuration
    else if arguments ? config && isEvaluated config then
      lib.warn "hci-effects.runNixDarwin: `config` was renamed to `configuration` for the purpose of passing a whole configuration." config
    else if arguments ? config.system.build.toplevel then
      { inherit config; }
    else if arguments ? configuration then
      import nix-darwin (
        {
          inherit system;
          configuration =
            if arguments ? pkgs then
              {
                imports = [
                  configuration
                  { _module.args.pkgs = lib.mkForce pkgs; }
                ];
              }
            else
              configuration;
        }
        // lib.filterAttrs (_: value: value != null) { inherit nixpkgs pkgs; }
        // lib.optionalAttrs (arguments ? pkgs && !(arguments ? nixpkgs)) { nixpkgs = pkgs.path; }
      )
    else
      throw "hci-effects.runNixDarwin: you must provide a configuration";
  inherit (evaluated.config.system.build) toplevel;
  hostName = evaluated.config.networking.hostName or null;
  suffix = if arguments ? name then "-${arguments.name}" else lib.optionalString (hostName != null) "-${hostName}";
  ssh' = {
    destinationPkgs =
      evaluated._module.args.pkgs
        or (evaluated.pkgs or (throw "When `buildOnDestination` is true, you must either specify a whole nix-darwin configuration, or `ssh.destinationPkgs`."));
  }
  // ssh
  // lib.optionalAttrs (buildOnDestination != null) { inherit buildOnDestination; };
in
if both != [ ] then
  throw "runNixDarwin: the argument config is mutually exclusive with ${builtins.head both}."
else
  effects.mkEffect (
    removeAttrs arguments (excluded ++ [ "buildOnDestination" "config" "ssh" ])
    // {
      name = "nix-darwin${suffix}";
      # The parameter pkgs may be of another system: this is about the agent.
      inputs = [ openssh ];
      dontUnpack = true;
      passthru = passthru // {
        prebuilt = toplevel // { inherit (evaluated) config; };
        inherit (evaluated) config;
      };
      effectScript = effects.ssh ssh' ''
        nix-env -p ${evaluated.config.system.profile} --set ${toplevel}
        ${toplevel}/sw/bin/darwin-rebuild activate
      '';
    }
  )
