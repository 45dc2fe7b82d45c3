# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Updates flake.lock files on a branch.
{ pkgs, lib, effects }:

let
  lockFile = folder: if folder == "." then "`flake.lock`" else "`${folder}/flake.lock`";
in
{
  gitRemote,
  tokenSecret ? { type = "GitToken"; },
  user ? "git",
  updateBranch ? "flake-update",
  forgeType ? "github",
  createPullRequest ? true,
  autoMergeMethod ? null,
  pullRequestTitle ? "${lib.concatMapStringsSep ", " lockFile (builtins.attrNames flakes)}: Update",
  pullRequestBody ? null,
  baseMergeBranch ? null,
  baseMergeMethod ? "merge",
  flakes ? { "." = { inherit commitSummary inputs; }; },
  inputs ? [ ],
  commitSummary ? "",
  module ? { },
  nix ? pkgs.nix,
}@arguments:
let
  update =
    folder:
    {
      inputs ? [ ],
      commitSummary ? "",
    }:
    "echo stand-in: nix ${nix.version} flake update ${lib.escapeShellArgs ([ folder ] ++ inputs ++ [ commitSummary ])}";
in
assert createPullRequest -> forgeType == "github";
assert autoMergeMethod != null -> forgeType == "github";
assert arguments ? flakes -> inputs == [ ] && commitSummary == "";
assert flakes != { };
effects.modularEffect {
  imports = [
    ./modules/git-update.nix
    module
  ];
  name = "flake-update";
  inputs = [ nix ];
  secretsMap.token = tokenSecret;
  git.checkout = {
    remote.url = gitRemote;
    inherit forgeType user;
  };
  git.update = {
    branch = updateBranch;
    script = lib.concatStringsSep "\n" (lib.mapAttrsToList update flakes);
    pullRequest = {
      enable = createPullRequest;
      title = pullRequestTitle;
      body = pullRequestBody;
      inherit autoMergeMethod;
    };
    baseMerge = {
      branch = lib.mkIf (baseMergeBranch != null) (lib.mkDefault baseMergeBranch);
      method = lib.mkDefault baseMergeMethod;
      enable = lib.mkDefault (baseMergeMethod != null && baseMergeBranch != null);
    };
  };
}
