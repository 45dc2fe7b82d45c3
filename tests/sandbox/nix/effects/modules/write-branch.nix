# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A branch that gets the contents of a file or folder.
{ config, lib, ... }:

let
  inherit (lib) mkDefault mkOption types;
  option = type: default: mkOption { inherit type default; };
  what = if config.destination == "." then config.git.update.branch else config.destination;
in
{
  imports = [ ./git-update.nix ];
  options = {
    contents = mkOption { type = types.path; };
    destination = option types.str ".";
    message = option types.str "Update ${what}";
    allowExecutableFiles = option types.bool true;
  };
  config = {
    name = "write-branch";
    secretsMap.token = mkDefault { type = "GitToken"; };
    env.contents = "${config.contents}";
    env.message = "${config.message}";
    env.destination =
      lib.throwIf (lib.hasPrefix "/" config.destination)
        "gitWriteBranch: destination must be a relative path, but got ${config.destination}"
        config.destination;
    git.update = {
      baseMerge.enable = mkDefault false;
      pullRequest.enable = mkDefault false;
      script = lib.mkAfter ''
        echo "stand-in: cp ${lib.optionalString (!config.allowExecutableFiles) "--no-preserve=mode"} $contents $destination"
      '';
    };
  };
}
