# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Documentation of the options of effects that are parameters of functions without NixOps: a part of the fragment _effects.py."""

from __future__ import annotations

DOCUMENTATION = r"""
      effect_name:
        description:
          - For V(mkEffect), V(runNixDarwin), V(cargoPublish), V(netlifyDeploy), V(runPutUrl) and V(modularEffect), what Nix calls the
            derivation of the effect.
        type: str
      effect_script:
        description:
          - For V(mkEffect), V(runNixOS), V(runCachixDeploy) and V(modularEffect), shell commands that are the effect. With V(runNixOS)
            they run before it logs in.
        type: str
      get_state_script:
        description:
          - For V(mkEffect), V(gitWriteBranch) and V(modularEffect), shell commands that fetch a state, with C(getStateFile).
        type: str
      put_state_script:
        description:
          - For V(mkEffect), V(gitWriteBranch) and V(modularEffect), shell commands that store it, with C(putStateFile), also after a
            failure.
        type: str
      configuration:
        description:
          - For V(runNixOS) and V(runNixDarwin), the configuration of the machine - a file of the checkout, or code or a path marked as
            such, such as C(self.nixosConfigurations.web).
        type: raw
      config:
        description:
          - For V(runNixOS) and V(runNixDarwin), the C(config) of a configuration that is evaluated already, marked as code, in place of
            O(effects[].configuration).
        type: raw
      system:
        description:
          - For V(runNixOS) and V(runNixDarwin), the system that the configuration is for, such as C(x86_64-linux), unless it says so
            itself.
        type: str
      nixpkgs:
        description:
          - For V(runNixOS) and V(runNixDarwin), the nixpkgs that the configuration is evaluated with, marked as code or as a path. By
            default O(pins.nixpkgs).
        type: raw
      profile:
        description:
          - For V(runNixOS), the profile that is set on the machine.
        type: str
      ssh_destination:
        description:
          - For V(runNixOS) and V(runNixDarwin), where the effect logs in, as C(USEReffects[].HOST).
        type: str
      ssh_options:
        description:
          - For V(runNixOS) and V(runNixDarwin), further options of C(ssh), such as C(-p 2222).
        type: str
      ssh_use_substitutes:
        description:
          - For V(runNixOS) and V(runNixDarwin), whether the machine fetches what it can from binary caches. By default it does.
        type: bool
      ssh_compress:
        description:
          - For V(runNixOS) and V(runNixDarwin), whether what is sent to the machine is compressed.
        type: bool
      ssh_compress_closure:
        description:
          - For V(runNixOS) and V(runNixDarwin), the same for what is copied.
        type: bool
      ssh_compress_session:
        description:
          - For V(runNixOS) and V(runNixDarwin), the same for the session.
        type: bool
      ssh_copy_closure_options:
        description:
          - For V(runNixOS) and V(runNixDarwin), further options of C(nix-copy-closure).
        type: str
      ssh_inherit_variables:
        description:
          - For V(runNixOS) and V(runNixDarwin), names of environment variables that the commands on the machine get, too.
        type: list
        elements: str
      ssh_package:
        description:
          - For V(runNixOS) and V(runNixDarwin), the package of C(ssh), by its name in nixpkgs or marked as code.
        type: raw
      ssh_nix_package:
        description:
          - For V(runNixOS) and V(runNixDarwin), the package of Nix that copies, by its name in nixpkgs or marked as code.
        type: raw
      ssh_destination_pkgs:
        description:
          - For V(runNixOS) and V(runNixDarwin), a nixpkgs that can be built on the machine, marked as code. With
            O(effects[].build_on_destination) and O(effects[].config) only.
        type: raw
      build_on_destination:
        description:
          - For V(runNixOS) and V(runNixDarwin), whether the machine builds its system itself.
        type: bool
      nix_darwin:
        description:
          - For V(runNixDarwin), nix-darwin, marked as code or as a path.
        type: raw
      pkgs:
        description:
          - For V(runNixDarwin) and V(runArion), an instance of nixpkgs, marked as code.
        type: raw
      project_name:
        description:
          - For V(runArion), the name of the Docker Compose project. By default that of the effect.
        type: str
      directory:
        description:
          - For V(runArion), a folder of the checkout with C(arion-compose.nix) and C(arion-pkgs.nix), or a path marked as such.
        type: raw
      modules:
        description:
          - For V(runArion), modules of Arion, each a file of the checkout, or marked as code or as a path.
        type: list
        elements: raw
      host_nix_store_prefix:
        description:
          - For V(runArion), what stands before the store's path on the Docker host.
        type: str
      deploy:
        description:
          - For V(runCachixDeploy), what Cachix deploys, as its document has it, with code or paths marked as such.
        type: raw
      deploy_json_file:
        description:
          - For V(runCachixDeploy), the same as a file of the checkout, or marked as code.
        type: raw
      cachix_package:
        description:
          - For V(runCachixDeploy), the package of Cachix, by its name in nixpkgs or marked as code.
        type: raw
      async:
        description:
          - For V(runCachixDeploy), whether the effect ends without waiting for the machines.
        type: bool
      git_remote:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), the URL of the Git repository, or code such as C(src.remoteHttpUrl).
        type: raw
      forge_type:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), what serves it, V(github) or V(gitlab), or code such as C(src.forgeType).
        type: raw
      git_user:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), the name to log in with.
        type: str
      git_token_secret:
        description:
          - For V(gitWriteBranch), the effect's name for the secret with the token, by default V(token), which Hercules CI gives out
            itself.
        type: str
      update_branch:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), the branch that is pushed to.
        type: str
      base_branch:
        description:
          - For V(gitWriteBranch), the branch that it is based on, by default the default branch.
        type: str
      base_merge:
        description:
          - For V(gitWriteBranch), whether a branch that is there already is brought up to date first.
        type: bool
      base_merge_branch:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), with which branch.
        type: str
      base_merge_method:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), how.
        type: str
        choices: [merge, rebase, fast-forward, reset]
      create_pull_request:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), whether a pull request is made.
        type: bool
      pull_request_base:
        description:
          - For V(gitWriteBranch), the branch that it is for.
        type: str
      pull_request_title:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), its title.
        type: str
      pull_request_body:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), its text.
        type: str
      auto_merge_method:
        description:
          - For V(gitWriteBranch) and V(flakeUpdate), how it is merged by itself when that is allowed. Without it, it is not.
        type: str
        choices: [merge, rebase, squash]
      update_script:
        description:
          - For V(gitWriteBranch), shell commands that make commits, in the checkout of the branch.
        type: str
      use_gh:
        description:
          - For V(gitWriteBranch), whether the effect has the program C(gh), logged in. By default it has for GitHub.
        type: bool
      contents:
        description:
          - For V(gitWriteBranch), what is written - a file or folder of the checkout, or marked as code.
        type: raw
      destination:
        description:
          - For V(gitWriteBranch), where in the repository, by default all of it.
        type: str
      update_message:
        description:
          - For V(gitWriteBranch), the message of the commit.
        type: str
      allow_executable_files:
        description:
          - For V(gitWriteBranch), whether files stay executable. By default they do.
        type: bool
      mounts:
        description:
          - For V(gitWriteBranch) and V(modularEffect), what of the agent's machine is mounted where - by paths in the effect the names of
            C(effectMountables) of the agents.
        type: dict
      uid:
        description:
          - For V(gitWriteBranch) and V(modularEffect), the number of the user that its processes take themselves for.
        type: int
      gid:
        description:
          - For V(gitWriteBranch) and V(modularEffect), the number of the group that its processes take themselves for.
        type: int
      bin_sh:
        description:
          - For V(gitWriteBranch) and V(modularEffect), what C(/bin/sh) is, or the code C(null) for nothing.
        type: raw
      usr_bin_env:
        description:
          - For V(gitWriteBranch) and V(modularEffect), what C(/usr/bin/env) is, or the code C(null) for nothing.
        type: raw
      fs_root_build_commands:
        description:
          - For V(gitWriteBranch) and V(modularEffect), shell commands that add files to C($out), which becomes the root of the effect's
            file system.
        type: str
      token_secret:
        description:
          - For V(flakeUpdate), what the secret V(token) is - a name in C(secrets.json), or the dictionary V({type=GitToken}), which is
            the default.
        type: raw
      flakes:
        description:
          - For V(flakeUpdate), the folders with flakes to update, each with C(inputs) and C(commitSummary).
        type: dict
      flake_inputs:
        description:
          - For V(flakeUpdate), the inputs to update, by default all.
        type: list
        elements: str
      commit_summary:
        description:
          - For V(flakeUpdate), the first line of the commit's message.
        type: str
      module:
        description:
          - For V(flakeUpdate), a module of the effect - a file of the checkout, or marked as code or as a path.
        type: raw
      secret_name:
        description:
          - For V(cargoPublish) and V(netlifyDeploy), the name in the agents' C(secrets.json) of the secret with the token.
        type: str
      secret_field:
        description:
          - For V(cargoPublish) and V(netlifyDeploy), the field of its data. C(cargoPublish) reads V(token) whatever this says.
        type: str
      manifest_path:
        description:
          - For V(cargoPublish), the path of C(Cargo.toml).
        type: str
      extra_publish_args:
        description:
          - For V(cargoPublish), further arguments of C(cargo publish).
        type: list
        elements: str
      registry_url:
        description:
          - For V(cargoPublish), the URL of the registry's index, by default that of crates.io.
        type: str
      dry_run:
        description:
          - For V(cargoPublish), whether nothing is published, for which no token is needed.
        type: bool
      assert_versions:
        description:
          - For V(cargoPublish), the version that every package has to have, or versions by package.
        type: raw
      content:
        description:
          - For V(netlifyDeploy), the site - a folder of the checkout, or marked as code.
        type: raw
      site_id:
        description:
          - For V(netlifyDeploy), the ID of the site at Netlify.
        type: str
      production_deployment:
        description:
          - For V(netlifyDeploy), whether it is deployed to production.
        type: bool
      put_url:
        description:
          - For V(runPutUrl), the URL.
        type: str
      put_file:
        description:
          - For V(runPutUrl), the file that is sent there - of the checkout, or marked as code.
        type: raw
      imports:
        description:
          - For V(modularEffect), modules of the effect, each a file of the checkout, or marked as code or as a path.
        type: list
        elements: raw
"""
