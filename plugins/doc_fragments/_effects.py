# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pins and effects, as the module nixops_effect takes them."""

from __future__ import annotations

from ..plugin_utils._effect_options import DOCUMENTATION as OF_OTHER_FUNCTIONS


class ModuleDocFragment:
    """Their specification is in plugins/module_utils/_nix/options.py, and what effects take in functions.py there."""

    DOCUMENTATION = r"""
options:
  pins:
    description:
      - Where nixpkgs, hercules-ci-effects and NixOps 1 come from. What is not given is pinned to revisions that are known to work together.
      - O(pins.nixops) is added by itself if O(pins.nixpkgs) names no source, since NixOps 1 left nixpkgs in October 2023.
      - With O(form=effects) the pins only serve to check the file.
    type: dict
    default: {}
    suboptions:
      nixpkgs: &pin
        description: Where nixpkgs comes from.
        type: dict
        suboptions: &pin_options
          url:
            description: URL of an archive, with O(pins.nixpkgs.sha256).
            type: str
          sha256:
            description: Hash of the unpacked archive, which C(nix-prefetch-url --unpack URL) prints.
            type: str
          github:
            description: A repository of GitHub as C(OWNER/NAME), with O(pins.nixpkgs.revision) and O(pins.nixpkgs.sha256).
            type: str
          revision:
            description: The commit.
            type: str
          npins:
            description: Name of a pin of npins.
            type: str
          niv:
            description: Name of a source of niv.
            type: str
          file:
            description: The folder of npins, by default C(npins), or the file of niv, by default C(nix/sources.nix); in O(checkout).
            type: str
          expression:
            description: Nix code for anything else.
            type: str
          comment:
            description: A comment above the pin.
            type: str
          system:
            description: The system that effects run on. Of O(pins.nixpkgs) only.
            type: str
          config:
            description: The C(config) of nixpkgs, such as C(permittedInsecurePackages). Of O(pins.nixpkgs) and O(pins.nixops) only.
            type: dict
          overlays:
            description: Further overlays, each marked as code or as a path. Of O(pins.nixpkgs) only.
            type: list
            elements: raw
      effects:
        description: Where hercules-ci-effects comes from.
        type: dict
        suboptions: *pin_options
      nixops:
        description: A nixpkgs that still has NixOps 1, which is taken from there.
        type: dict
        suboptions: *pin_options
  effects:
    description:
      - The effects. Their order does not matter, the file has them by name.
      - Required if O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the effect, as Hercules CI shows it.
        type: str
        required: true
      function:
        description:
          - The function of hercules-ci-effects that makes the effect.
          - Each takes those of the options below that are its parameters. A function that is not among V(runNixOps), V(runNixOps2),
            V(runNixOS), V(runNixDarwin), V(runArion), V(runCachixDeploy), V(gitWriteBranch), V(flakeUpdate), V(cargoPublish),
            V(netlifyDeploy), V(runPutUrl), V(modularEffect) and V(mkEffect) takes O(effects[].arguments).
        type: str
        default: runNixOps
      comment:
        description: A comment above the effect.
        type: str
      job:
        description: The job that the effect belongs to, for O(form=herculesCI). A job in O(schedules) runs by the clock, others on pushes.
        type: str
      run_on:
        description:
          - Where the effect runs. Elsewhere only its dependencies are built.
          - Optional for effects of jobs in O(schedules), which run on the default branch.
        type: dict
        suboptions:
          branches:
            description: Names of branches. An asterisk stands for any text.
            type: list
            elements: str
          tags:
            description: Names of tags. An asterisk stands for any text.
            type: list
            elements: str
          any_ref:
            description: Run on every ref.
            type: bool
          condition:
            description:
              - A condition in Nix. The repository is C(src), or C(primaryRepo) with O(form=herculesCI).
              - O(effects[].run_on.branches) and O(effects[].run_on.tags) then only say where it is expected to hold, which
                O(validate=evaluate) checks.
              - V(false) switches the effect off, wherever it is expected.
            type: str
      deployment:
        description: The NixOps deployment. For V(runNixOps) the default is the name of the effect.
        type: str
      src:
        description: The folder with the network files and all that they import, relative to O(checkout). Nothing else is deployed.
        type: str
      network_files:
        description:
          - The network files, relative to O(effects[].src). The default of V(runNixOps) is C(network.nix).
          - V(runNixOps2) deploys C(nixops.nix) only.
        type: list
        elements: str
      network_args:
        description: Arguments of the network functions, which must accept them all.
        type: dict
      prebuild:
        description: Whether to build the network before it is deployed. The default of the library is V(true).
        type: bool
      prebuild_only_network_files:
        description:
          - Network files with values for what is not known before deploying.
          - With O(effects[].flake), too, they are files of the checkout.
        type: list
        elements: str
      deploy_only_network_files:
        description: Network files that are not used when prebuilding.
        type: list
        elements: str
      state_name:
        description: Name of the state file on Hercules CI, C(nixops-DEPLOYMENT.json) by default.
        type: str
      known_hosts_name:
        description: Name of the state file with SSH host keys, C(nixops-DEPLOYMENT.known_hosts) by default.
        type: str
      secrets_map:
        description:
          - Secrets by the names that scripts use. A value is a name in the agents' C(secrets.json), or the dictionary V({type=GitToken}).
        type: dict
      user_setup_script:
        description: Shell commands that set up credentials, such as C(writeAWSSecret aws default).
        type: str
      prior_check_script:
        description: Shell commands that check the state of things before. An empty text replaces C(nixops check) by nothing.
        type: str
      effect_check_script:
        description: Shell commands that check the result. An empty text replaces C(nixops check) by nothing.
        type: str
      inputs:
        description: Packages for the scripts, each by its name in nixpkgs or marked as code.
        type: list
        elements: raw
      nix_path:
        description: The C(NIX_PATH) of the deployment.
        type: str
      effect_deployment:
        description:
          - What the effect calls the deployment (C(NIXOPS_DEPLOYMENT)), where that is not O(effects[].deployment). It has to occur in the
            state - NixOps takes the name of a deployment, its UUID, or the beginning of that.
        type: str
        aliases: [nixops_deployment]
      action:
        description: What NixOps does.
        type: str
        choices: [switch, dry-run, plan, build, create, copy, dry-activate, test, boot]
      flake:
        description:
          - For V(runNixOps2), the flake with the network instead of O(effects[].network_files), marked as code.
          - C(self) with O(form=effects) is the flake of the checkout.
        type: raw
      nixops_package:
        description: For V(runNixOps2), the package of NixOps, by its name in nixpkgs or marked as code.
        type: raw
      clean_source:
        description:
          - Whether what C(lib.cleanSource) knows to be of no use, such as backups of editors, is left out of O(effects[].src). By default
            it is, and a change to such a file is no change of the effect.
        type: bool
      nixops_plugins:
        description: For V(runNixOps2), the plugins that NixOps is built with, unless O(effects[].nixops_package) is given.
        type: list
        elements: str
      nix_package:
        description: For V(runNixOps2), the package of Nix, by its name in nixpkgs or marked as code.
        type: raw
      prebuild_network_args:
        description: For V(runNixOps2), arguments of the network functions when prebuilding.
        type: dict
      prebuild_only_modules:
        description: For V(runNixOps2), modules of the network for prebuilding only, marked as code or paths.
        type: list
        elements: raw
      forget_state:
        description: For V(runNixOps2), whether the network needs no state.
        type: bool
      allow_reboot:
        description: For V(runNixOps2), whether machines may be rebooted.
        type: bool
      allow_recreate:
        description: For V(runNixOps2), whether resources that went missing may be created again.
        type: bool
      extra_deploy_args:
        description: For V(runNixOps2), further arguments of C(nixops deploy).
        type: list
        elements: str
      arguments:
        description:
          - Arguments of the function by their names in Nix, with values of any type.
          - What the function, C(mkEffect) and C(mkDerivation) do not know, or set themselves, is refused, as it would do nothing.
        type: dict
      environment:
        description:
          - Environment variables for the scripts of the effect. A value is text, a number, or code or a path marked as such.
          - They stand in the file. Put secrets into O(effects[].secrets_map).
        type: dict
"""
    DOCUMENTATION += OF_OTHER_FUNCTIONS  # ansible-test reads the text above by itself
