# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The system of a configuration: to have it, all that modules defined is evaluated, and what they assert has to hold.
{ config, definitions, lib, pkgs }:

let
  # Of packages and sources only the names, and nothing of functions.
  force =
    value:
    if lib.isDerivation value then
      value.drvPath
    else if builtins.isAttrs value then
      value.outPath or (builtins.mapAttrs (_: force) value)
    else if builtins.isList value then
      map force value
    else if builtins.isFunction value then
      null
    else
      value;
  failed = map (assertion: assertion.message) (builtins.filter (assertion: !assertion.assertion) config.assertions);
  # Packages that come from nixpkgs.config say nothing, and the system itself is not part of itself.
  relevant = removeAttrs definitions [ "nixpkgs" ] // {
    system = removeAttrs definitions.system [ "build" ];
  };
in
if failed != [ ] then
  throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (message: "- ${message}") failed}"
else
  pkgs.mkDerivation {
    name = "nixos-system-${config.networking.hostName}-${lib.version}";
    configuration = builtins.hashString "sha256" (builtins.unsafeDiscardStringContext (builtins.toJSON (force relevant)));
  }
