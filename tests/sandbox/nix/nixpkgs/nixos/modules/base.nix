# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The few of NixOS' options that configurations refer to before anybody defines them.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
    boot.loader.grub.enable = option types.bool true;
    environment.checkConfigurationOptions = option types.bool true;
    environment.systemPackages = option (types.listOf types.package) [ ];
    fileSystems = option (types.attrsOf types.anything) { };
    networking.domain = option (types.nullOr types.str) null;
    networking.firewall.allowedTCPPorts = option (types.listOf types.port) [ ];
    networking.firewall.allowedUDPPorts = option (types.listOf types.port) [ ];
    networking.firewall.enable = option types.bool true;
    networking.hostName = option types.str "nixos";
    nixpkgs.config = option types.attrs { };
    nixpkgs.overlays = option (types.listOf types.raw) [ ];
    nixpkgs.system = option types.str builtins.currentSystem;
    services.openssh.enable = option types.bool false;
    services.openssh.ports = option (types.listOf types.port) [ 22 ];
    system.build = option (types.lazyAttrsOf types.raw) { };
    system.nixos.release = option types.str lib.version;
    system.nixos.version = option types.str lib.version;
    system.stateVersion = option types.str lib.version;
    warnings = option (types.listOf types.str) [ ];
  };
}
