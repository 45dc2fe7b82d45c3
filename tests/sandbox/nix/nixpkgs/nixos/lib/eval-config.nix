# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A NixOS configuration, of which this stand-in declares little: below NixOS' own groups of options everything may be defined.
{
  modules,
  system ? builtins.currentSystem,
  pkgs ? null,
  lib ? (import ../../lib.nix { inherit (import ../../release.nix) version; }),
  specialArgs ? { },
  extraArgs ? { },
  # Whether services may be anything, and not just sets. Networks in tests are short.
  anyService ? true,
  ...
}:

let
  groups = [
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
    "networking"
    "nix"
    "nixpkgs"
    "powerManagement"
    "programs"
    "security"
    "services"
    "specialisation"
    "swapDevices"
    "system"
    "systemd"
    "time"
    "users"
    "virtualisation"
    "warnings"
    "xdg"
    "zramSwap"
  ];
  evaluated = lib.evalModules {
    modules = modules ++ [
      ../modules/base.nix
      {
        _module.args = extraArgs // {
          pkgs = lib.mkDefault packages;
        };
        nixpkgs.system = lib.mkIf (system != null) (lib.mkDefault system);
        system.build.toplevel = import ../modules/toplevel.nix {
          inherit (evaluated) config definitions;
          inherit lib;
          pkgs = packages;
        };
      }
    ];
    specialArgs = { modulesPath = toString ../modules; } // specialArgs;
    open = path: builtins.elem (builtins.head path) groups;
  };
  packages = if pkgs != null then pkgs else import ../.. { inherit (evaluated.config.nixpkgs) config overlays system; };
  services = evaluated.definitions.services or { };
  wrong = builtins.filter (name: !builtins.isAttrs services.${name}) (builtins.attrNames services);
in
if !anyService && wrong != [ ] then
  throw "The option `services.${builtins.head wrong}' does not exist."
else
  evaluated // { inherit lib; pkgs = packages; }
