# Managed by Ansible with nixcd.hercules_ci.nixops_effect: changes made here are lost.
# Inventory hosts: neat-network neat-staging
{ src ? { ref = null; } }:

let
  nixpkgs = builtins.fetchTarball {
    url = "https://github.com/NixOS/nixpkgs/archive/b134951a4c9f3c995fd7be05f3243f8ecd65d798.tar.gz";
    sha256 = "sha256-OnSAY7XDSx7CtDoqNh8jwVwh4xNL/2HaJxGjryLWzX8=";
  };
  pkgs = import nixpkgs {
    system = "x86_64-linux";
    overlays = [
      (import "${effectsSrc}/overlay.nix")
      (final: prev: {
        inherit (import nixpkgsWithNixOps {
          inherit (prev.stdenv.hostPlatform) system;
          config.permittedInsecurePackages = [
            "python-2.7.18.6"
            "python2.7-certifi-2021.10.8"
            "python2.7-pyjwt-1.7.1"
          ];
        }) nixops;
      })
    ];
  };

  effectsSrc = builtins.fetchTarball {
    url = "https://github.com/hercules-ci/hercules-ci-effects/archive/af4331c44f13977b6964745454eadcfee2d244d1.tar.gz";
    sha256 = "0hn8y1cq0x8ddkkrgd8xlbn65f97p7z8iny0r80b8sr6vz51dq9q";
  };

  nixpkgsWithNixOps = builtins.fetchTarball {
    url = "https://github.com/NixOS/nixpkgs/archive/4d2b37a84fad1091b9de401eb450aae66f1a741e.tar.gz";
    sha256 = "11w3wn2yjhaa5pv20gbfbirvjq6i3m7pqrq2msf0g7cv44vijwgw";
  };

  inherit (pkgs.effects) runNixOps runIf;
  inherit (pkgs) lib;
in

{
  neat-network = runIf (src.ref == "refs/heads/production") (
    runNixOps {
      name = "aws-prod";
      src = lib.cleanSource ./.;
      networkFiles = [ "network.nix" "network-aws.nix" ];
      prebuildOnlyNetworkFiles = [ "network-stub.nix" ];
      userSetupScript = ''
        writeAWSSecret aws default
      '';
      secretsMap."aws" = "neat-aws";
    }
  );

  neat-staging = runIf (src.ref == "refs/heads/staging") (
    runNixOps {
      name = "webfarm";
      src = lib.cleanSource ./.;
      networkFiles = [ "staging.nix" ];
      userSetupScript = ''
        writeSSHKey ssh
      '';
      secretsMap."ssh" = "neat-ssh";
    }
  );
}
