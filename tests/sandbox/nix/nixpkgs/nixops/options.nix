# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What NixOps declares for a machine, and the few NixOS options that networks refer to before anybody defines them.
{ lib, name, ... }:

let
  inherit (lib) mkOption types;
  unset = mkOption { type = types.str; };
  with' = default: mkOption { inherit default; };
  anything = with' { };
  # Settings of a cloud are not declared one by one; a region has no default, as in NixOps.
  backend = mkOption {
    default = { };
    apply = settings: { region = throw "The option `deployment.ec2.region' is used but not defined."; } // settings;
  };
in
{
  options = {
    deployment = {
      targetEnv = with' "none";
      targetHost = with' name;
      targetPort = with' 22;
      targetUser = with' "root";
      name = with' "";
      uuid = with' "";
      arguments = anything;
      alwaysActivate = with' true;
      storeKeysOnMachine = with' false;
      hasFastConnection = with' false;
      owners = with' [ ];
      provisionSSHKey = with' true;
      sshOptions = with' [ ];
      autoLuks = anything;
      autoRaid0 = anything;
      encryptedLinksTo = with' [ ];
      keys = anything;
      route53 = anything;
      ec2 = backend;
      azure = anything;
      container = anything;
      datadog = anything;
      digitalOcean = anything;
      droplet = anything;
      ebs = anything;
      gce = anything;
      hetzner = anything;
      hetznercloud = anything;
      libvirtd = anything;
      none = anything;
      virtualbox = anything;
    };
    networking = mkOption {
      default = { };
      apply =
        settings:
        {
          hostName = name;
          firewall.allowedTCPPorts = [ ];
          privateIPv4 = throw "The option `networking.privateIPv4' is used but not defined.";
          publicIPv4 = throw "The option `networking.publicIPv4' is used but not defined.";
        }
        // settings;
    };
    system = mkOption {
      default = { };
      apply = settings: { stateVersion = lib.version; } // settings;
    };
  };
}
