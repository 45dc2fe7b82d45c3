# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Shell code that copies what commands need to another machine and runs them there. Here it only tells what it would do.
{ pkgs, lib, ... }:

let
  deps = { inherit (pkgs) nix openssh; };
in
{
  destination,
  useSubstitutes ? true,
  ssh ? deps.openssh,
  sshOptions ? "",
  nix ? deps.nix,
  nix-copy-closureOptions ? "",
  compress ? false,
  compressClosure ? compress,
  compressSession ? compress,
  inheritVariables ? [ ],
  buildOnDestination ? false,
  destinationPkgs ? throw "hci-effects.ssh: buildOnDestination is true, but destinationPkgs is not set. Please set destinationPkgs to a Nixpkgs instance that is buildable on the destination.",
}:
commands:
let
  file = destinationPkgs.writeText "remote-commands-after-build" commands;
  remote = if buildOnDestination then "nix-store -vr ${builtins.unsafeDiscardOutputDependency file.drvPath}" else commands;
  copyFlags = "${nix-copy-closureOptions} ${lib.optionalString useSubstitutes "--use-substitutes"} ${lib.optionalString compressClosure "--gzip"}";
  sshFlags = "${lib.optionalString compressSession "-C"} ${sshOptions} ${lib.escapeShellArgs inheritVariables}";
in
''
  echo stand-in: with ${lib.makeBinPath [ nix ssh ]} copies to ${destination} ${lib.escapeShellArg copyFlags}
  echo stand-in: ssh ${lib.escapeShellArg sshFlags} ${destination} -- ${lib.escapeShellArg remote}
''
