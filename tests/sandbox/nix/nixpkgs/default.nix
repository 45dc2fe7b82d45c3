# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A stand-in of Nixpkgs for evaluation without a network: the functions that ci.nix files and NixOps networks use, and
# packages that are only names.
{
  system ? builtins.currentSystem,
  overlays ? [ ],
  config ? { },
  ...
}@arguments:

let
  release = import ./release.nix;
  lib = import ./lib.nix { inherit (release) version; };
  unknown = removeAttrs arguments [
    "system"
    "overlays"
    "config"
    "crossSystem"
    "localSystem"
    "crossOverlays"
  ];

  packageNames = [
    "awscli2"
    "cargo"
    "bash"
    "cacert"
    "cachix"
    "coreutils"
    "curl"
    "docker"
    "fail2ban"
    "file"
    "gh"
    "git"
    "git-crypt"
    "gnugrep"
    "gnupg"
    "gnused"
    "hci"
    "hello"
    "htop"
    "iproute2"
    "jq"
    "netlify-cli"
    "nginx"
    "nix"
    "nodejs"
    "openssh"
    "openssl"
    "postgresql"
    "prometheus"
    "python3"
    "redis"
    "restic"
    "ripgrep"
    "rsync"
    "screen"
    "sops"
    "stdenv"
    "strace"
    "sudo"
    "terraform"
    "tmux"
    "vim"
    "wget"
    "wireguard-tools"
    "zsh"
  ];

  # Refuse an insecure package as Nixpkgs does, unless config permits it.
  guardInsecure =
    package:
    let
      permitted = config.permittedInsecurePackages or [ ];
      bad = builtins.filter (name: !builtins.elem name permitted) release.insecure;
    in
    if bad == [ ] then
      package
    else
      throw ''
        Package '${builtins.head bad}' is marked as insecure, refusing to evaluate.

        You can install it anyway by allowing this package, using the following method:

            permittedInsecurePackages = [ "${builtins.head bad}" ];
      '';

  # Commands for the effect's PATH, and the expressions that prebuild evaluates.
  nixopsFiles = { tools = "${./nixops}/bin"; evalMachineInfo = ./nixops/eval-machine-info.nix; };
  nixops1 = final: final.mkPackage "nixops-1.7" // nixopsFiles;
  nixops2 = final: plugins: final.mkPackage "python3.11-nixops-2.0.0-unstable" // nixopsFiles // {
    tools = "${./nixops}/bin2";
    plugins = plugins;
    selectedPlugins = plugins;
    withPlugins = select: nixops2 final (select (lib.genAttrs pluginNames final.mkPackage));
  };

  pluginNames = map (name: "nixops-${name}") [
    "aws"
    "digitalocean"
    "encrypted-links"
    "gce"
    "hercules-ci"
    "hetzner"
    "hetznercloud"
    "libvirtd"
    "vbox"
  ];

  base =
    final:
    lib.genAttrs packageNames final.mkPackage
    // {
      inherit lib system config overlays;
      inherit (lib) recurseIntoAttrs callPackageWith;
      path = ./.;
      hostPlatform = { inherit system; };
      stdenv = final.mkPackage "stdenv" // { inherit (final) mkDerivation hostPlatform; inherit system; };
      stdenvNoCC = final.stdenv;
      pkgs = final;

      mkDerivation = import ./derivation.nix { inherit lib system config; };
      mkPackage = name: final.mkDerivation { inherit name; } // { pname = name; version = "2.18.1"; };
      runCommand = name: env: buildCommand: final.mkDerivation (env // { inherit name buildCommand; });
      # Not builtins.toFile, which takes no text that refers to what is to be built.
      writeText = name: text: final.mkDerivation { inherit name text; buildCommand = "printf %s \"$text\" >$out"; };
      writeScript = final.writeText;
      newScope = extra: lib.callPackageWith (final // extra);
      callPackage = lib.callPackageWith final;

      # Modules are not looked at: Arion itself does that.
      arion = final.mkPackage "arion" // {
        eval = _: {
          config.out.dockerComposeYaml = final.writeText "docker-compose.yaml" "{}";
        };
      };
      nixos = configuration: import ./nixos/lib/eval-config.nix { inherit lib system; pkgs = final; modules = [ configuration ]; };

      # Made once for all networks.
      nixops1Options = import ./nixops/options.nix { inherit lib; generation = 1; };
      nixops2Options = import ./nixops/options.nix { inherit lib; generation = 2; };
      nixops_unstable_minimal = nixops2 final [ ];
      nixops_unstable_full = (nixops2 final [ ]).withPlugins builtins.attrValues;
    }
    // lib.optionalAttrs release.nixops { nixops = guardInsecure (nixops1 final); };

  extend = previous: overlay: final: let before = previous final; in before // overlay final before;
in
if unknown != { } then
  throw "nixpkgs: called with unexpected argument '${builtins.head (builtins.attrNames unknown)}'"
else
  lib.fix (builtins.foldl' extend base overlays)
