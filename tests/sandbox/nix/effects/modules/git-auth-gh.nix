# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Access to GitHub with the command gh.
{ config, lib, pkgs, ... }:
{
  imports = [ ./git-auth.nix ];
  options.programs.gh.enable = lib.mkOption { default = config.git.checkout.forgeType == "github"; };
  config = lib.mkIf config.programs.gh.enable {
    inputs = [ pkgs.gh ];
    userSetupScript = ''
      mkdir -p ~/.config/gh
      echo "${config.git.checkout.remote.parsedUrl.host}: {oauth_token: $(readSecretString ${config.git.checkout.tokenSecret} .token)}" >~/.config/gh/hosts.yml
    '';
  };
}
