# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Access to a Git remote.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.git.checkout;
  parts = builtins.match "([a-z]*)://([^/]*)(/?.*)" cfg.remote.url;
  remote =
    if parts == null then
      throw "Could not parse git.checkout.remote.url as a url. Value: ${cfg.remote.url}"
    else
      {
        scheme = builtins.elemAt parts 0;
        host = builtins.elemAt parts 1;
        path = builtins.elemAt parts 2;
      };
in
{
  imports = [ ./git.nix ];
  options.git.checkout = {
    remote.url = mkOption { type = types.str; };
    remote.parsedUrl = mkOption { type = types.lazyAttrsOf types.str; };
    forgeType = mkOption { type = types.str; };
    tokenSecret = mkOption { type = types.str; default = "token"; };
    user = mkOption { type = types.str; default = "git"; };
  };
  config = {
    git.checkout.remote.parsedUrl = remote;
    userSetupScript = ''
      echo "${remote.scheme}://${cfg.user}:$(readSecretString ${cfg.tokenSecret} .token)@${remote.host}${remote.path}" >>~/.git-credentials
    '';
  };
}
