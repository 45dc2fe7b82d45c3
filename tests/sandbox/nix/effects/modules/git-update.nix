# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Commits on a branch of their own, with a pull request.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  cfg = config.git.update;
in
{
  imports = [
    ./git-auth.nix
    ./git-auth-gh.nix
  ];
  options.git.update = {
    branch = mkOption { type = types.str; };
    script = mkOption { type = types.lines; };
    baseBranch = option types.str "HEAD";
    baseMerge = {
      enable = option types.bool false;
      branch = option types.str cfg.baseBranch;
      method = option (types.enum [ "merge" "rebase" "fast-forward" "reset" ]) "merge";
    };
    pullRequest = {
      enable = option types.bool true;
      base = option types.str cfg.baseBranch;
      autoMergeMethod = option (types.enum [ null "merge" "rebase" "squash" ]) null;
      title = mkOption { type = types.str; };
      body = mkOption { type = types.nullOr types.str; };
    };
  };
  config = {
    env = {
      HCI_GIT_REMOTE_URL = config.git.checkout.remote.url;
      HCI_GIT_UPDATE_BRANCH = cfg.branch;
      HCI_GIT_UPDATE_BASE_BRANCH = cfg.baseMerge.branch;
    }
    // lib.optionalAttrs cfg.pullRequest.enable (
      {
        HCI_GIT_UPDATE_PR_TITLE = cfg.pullRequest.title;
        HCI_GIT_UPDATE_PR_BASE = cfg.pullRequest.base;
      }
      // lib.optionalAttrs (cfg.pullRequest.body != null) { HCI_GIT_UPDATE_PR_BODY = cfg.pullRequest.body; }
    )
    // lib.optionalAttrs cfg.baseMerge.enable { HCI_GIT_UPDATE_BASE_MERGE_METHOD = cfg.baseMerge.method; };
    effectScript = ''
      echo "stand-in: work on $HCI_GIT_UPDATE_BRANCH of $HCI_GIT_REMOTE_URL"
      ${cfg.script}
    ''
    + lib.optionalString cfg.pullRequest.enable ''
      echo "stand-in: gh pr create ${
        lib.optionalString (cfg.pullRequest.autoMergeMethod != null && config.git.checkout.forgeType == "github") (
          lib.toUpper cfg.pullRequest.autoMergeMethod
        )
      }"
    '';
  };
}
