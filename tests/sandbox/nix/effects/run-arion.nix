# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Brings up an Arion project on a Docker host.
{ pkgs, lib, effects }:

let
  parent = pkgs;
in
{
  name,
  directory ? null,
  modules ? [ (directory + "/arion-compose.nix") ],
  pkgs ? if directory == null then parent else import (directory + "/arion-pkgs.nix"),
  uid ? throw "The uid of an Arion project is for running it on one's own machine.",
  hostNixStorePrefix ? "",
  ...
}@arguments:
let
  composition = parent.arion.eval { inherit hostNixStorePrefix modules pkgs uid; };
  prebuilt = composition.config.out.dockerComposeYaml;
in
effects.mkEffect (
  removeAttrs arguments [
    "modules"
    "pkgs"
    "uid"
  ]
  // {
    name = "arion-${name}";
    inputs = [
      parent.arion
      parent.docker
    ];
    dontUnpack = true;
    inherit prebuilt;
    passthru = arguments.passthru or { } // {
      prebuilt = prebuilt // { inherit (composition) config; };
      inherit (composition) config;
    };
    projectName = name;
    effectScript = "echo stand-in: arion up $projectName";
  }
)
