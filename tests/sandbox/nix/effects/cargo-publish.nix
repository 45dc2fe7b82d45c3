# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Publishes a Rust crate.
{ pkgs, lib, effects }:

{
  secretName ? throw "effects.cargo: You must provide `secretName`, the name of the secret which holds the \"${secretField}\" field.",
  secretField ? "token",
  secretsMap ? { },
  manifestPath ? "Cargo.toml",
  src,
  extraPublishArgs ? [ ],
  registryURL ? null,
  dryRun ? false,
  assertVersions ? { },
  ...
}@arguments:
let
  versions =
    if builtins.isString assertVersions then
      lib.escapeShellArg assertVersions
    else
      lib.concatStringsSep " " (lib.mapAttrsToList (name: version: lib.escapeShellArgs [ name version ]) assertVersions);
in
effects.mkEffect (
  removeAttrs arguments [ "assertVersions" ]
  // {
    buildInputs = lib.optional (!dryRun) effects.cargoSetupHook;
    inputs = [ pkgs.cargo ];
    secretsMap = lib.optionalAttrs (!dryRun) { cargo = secretName; } // secretsMap;
    env = arguments.env or { } // lib.optionalAttrs (registryURL != null) { CARGO_REGISTRIES_CUSTOM_INDEX = registryURL; };
    effectScript = ''
      echo stand-in: has to be of version ${versions}
      echo stand-in: cargo publish ${lib.optionalString (manifestPath != null) "--manifest-path ${manifestPath}"} ${lib.optionalString dryRun "--dry-run"} ${lib.escapeShellArgs extraPublishArgs}
    '';
  }
)
