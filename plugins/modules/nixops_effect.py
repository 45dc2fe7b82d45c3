#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_effect
short_description: Declare in ci.nix which NixOps networks Hercules CI deploys
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Writes the Nix file that tells Hercules CI which effects to run on which branches, as the guide of hercules-ci-effects has it.
  - The file is checked with Nix before it lands, as if it were there already and restricted as an agent restricts it. The old file stays
    until the new one has passed.
  - Nix is given what Git tracks of the checkout, with the contents of the working tree, for an agent has nothing else. Network files are
    read from O(effects[].src) alone, as when they are deployed; what only prebuilding reads may import files from all of the checkout.
  - All effects of a repository are one file. Give all of them in one task.
  - A file that somebody has formatted anew is left as it is while it says the same, unless O(validate=none), which compares bytes.
  - Text is never taken as Nix code, except in options that say so. Where an option takes any value, a dictionary of the one key C(_nix)
    holds code, and one of the one key C(_path) a path, relative to the file.
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._effects
  - nixcd.hercules_ci._proof
attributes:
  check_mode:
    support: full
    details:
      - Nix is asked in check mode too. It may fetch pins into its store.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  checkout:
    description:
      - The working tree that the file belongs to, by its top, where agents look.
      - In one of Git, the program C(git) has to be there and to read it, as it is asked which files an agent would have.
    type: path
    required: true
  file:
    description:
      - The file, relative to O(checkout).
      - If it is not given, it is the file that is managed already, else C(effects.nix) for O(form=effects) and C(ci.nix) for the others.
    type: str
  form:
    description:
      - V(legacy) is a function of C(src), as in the guide.
      - V(herculesCI) has the attribute C(herculesCI) with C(onPush) and C(onSchedule), which upstream recommends.
      - V(effects) is a file of effects alone, to be imported from a C(ci.nix) or C(flake.nix) that somebody writes by hand. It is a
        function of C(pkgs), C(effects) (the functions of hercules-ci-effects), C(src) (the record of the repository that has C(ref)),
        and C(self) if an effect has O(effects[].flake).
      - V(auto) keeps the form of a file that is managed already. Otherwise it is V(effects) in a repository that has a C(ci.nix),
        C(flake.nix) or C(default.nix), which agents would not read any more beside a new C(ci.nix), and V(legacy) in all others.
    type: str
    choices: [auto, legacy, herculesCI, effects]
    default: auto
  project:
    description:
      - The project on Hercules CI, as C(SITE/ACCOUNT/PROJECT), for example V(github/neat-org/neat-repo).
      - Conditions may ask for its owner and name when the file is evaluated.
    type: str
  schedules:
    description:
      - For O(form=herculesCI), when jobs run, by the name of the job. Each is a dictionary with any of C(hour) (a number or a list),
        C(minute), C(day_of_week) (a list such as V([Mon, Thu])) and C(day_of_month) (a list). Times are UTC.
    type: dict
    default: {}
  inventory_hosts:
    description: Inventory hosts that the file is made from, to be named in its first lines.
    type: list
    elements: str
    default: []
  state:
    description: Whether the file is to exist.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: nixcd.hercules_ci.nixops_state
  - plugin: nixcd.hercules_ci.to_nix
    plugin_type: filter
  - name: Deploy a NixOps 1.x Network
    description: The guide of hercules-ci-effects.
    link: https://docs.hercules-ci.com/hercules-ci-effects/guide/deploy-a-nixops-network/
"""

EXAMPLES = r"""
- name: The guide's network is deployed from the branch production
  nixcd.hercules_ci.nixops_effect:
    checkout: /srv/neat-repo
    effects:
      - name: neat-network
        deployment: foo
        run_on:
          branches: [production]
        network_files: [network.nix, network-aws.nix]
        prebuild_only_network_files: [network-stub.nix]
        user_setup_script: writeAWSSecret aws default
        secrets_map:
          aws: neat-aws

- name: Two stages of one network, nixpkgs from npins, and proof that both can be prebuilt
  nixcd.hercules_ci.nixops_effect:
    checkout: /srv/neat-repo
    form: herculesCI
    pins:
      nixpkgs:
        npins: nixpkgs
        config:
          allowUnfree: true
      nixops:
        url: https://github.com/NixOS/nixpkgs/archive/22.11.tar.gz
        sha256: 11w3wn2yjhaa5pv20gbfbirvjq6i3m7pqrq2msf0g7cv44vijwgw
        config:
          permittedInsecurePackages: [python-2.7.18.6, python2.7-certifi-2021.10.8, python2.7-pyjwt-1.7.1]
    effects:
      - name: staging
        run_on: {branches: [main]}
        network_args: {size: small}
      - name: production
        run_on: {tags: ["v*"]}
        network_args: {size: large}
        inputs: [awscli2]
    validate: prebuild

- name: A NixOS machine beside them
  nixcd.hercules_ci.nixops_effect:
    checkout: /srv/neat-repo
    effects:
      - name: website
        function: runNixOS
        run_on:
          condition: src.ref == "refs/heads/main" && src.owner == "neat-org"
          branches: [main]
        configuration: website.nix
        ssh_destination: root@web.example.com
        secrets_map: {ssh: website-ssh}
        user_setup_script: |
          writeSSHKey
          echo 'web.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…' >>~/.ssh/known_hosts
    project: github/neat-org/neat-repo
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /srv/neat-repo/ci.nix
file:
  description: The file, relative to O(checkout).
  type: str
  returned: success
  sample: ci.nix
content:
  description: The text of the file, in check mode the one that it would get. V(null) if it is absent.
  type: str
  returned: success
  sample: "{ src ? { ref = null; } }: …"
files:
  description: The files and folders of the checkout that the effects and the pins refer to, relative to O(checkout), for
    O(nixcd.hercules_ci.nixops_push#module:required_files). None if the file is absent.
  type: list
  elements: str
  returned: success
  sample: [network-aws.nix, network-stub.nix, network.nix]
form:
  description: The form of the file.
  type: str
  returned: success
  sample: legacy
effects:
  description: Names of the effects in the file, by job and name. None if it is absent.
  type: list
  elements: str
  returned: success
  sample: [neat-network]
runs:
  description: For each ref the effects that would run on it. Effects of other jobs than C(default) are named as JOB.NAME.
  type: dict
  returned: if O(validate=evaluate) or O(validate=prebuild)
  sample: {refs/heads/main: [], refs/heads/production: [neat-network]}
deployments:
  description:
    - What Nix says of each effect on each ref. What is not known is V(null).
    - For V(runNixOps2) the name of the state, and for both functions the network, are known with O(validate=prebuild).
  type: list
  elements: dict
  returned: if O(validate=evaluate) or O(validate=prebuild)
  contains:
    ref:
      description: The ref.
      type: str
      sample: refs/heads/production
    job:
      description: The job.
      type: str
      sample: default
    name:
      description: Name of the effect.
      type: str
      sample: neat-network
    path:
      description: The effect as the agent names it.
      type: str
      sample: neat-network.run
    runs:
      description: Whether it would run on that ref.
      type: bool
      sample: true
    function:
      description: V(runNixOps) or V(runNixOps2), V(null) for an effect that deploys no NixOps network.
      type: str
      sample: runNixOps
    system:
      description: What is deployed without NixOps, by its path in the Nix store. Known with O(validate=prebuild).
      type: str
      sample: /nix/store/…-nixos-system-web-24.05
    derivation:
      description: The derivation of that, or of the effect where it prebuilds nothing. Hercules CI tells the same of its jobs.
      type: str
      sample: /nix/store/…-nixos-system-web-24.05.drv
    state_name:
      description: The state file that the effect reads.
      type: str
      sample: nixops-foo.json
    known_hosts_name:
      description: The file of host keys that it reads.
      type: str
      sample: nixops-foo.known_hosts
    deployment:
      description: What it calls the deployment, C(NIXOPS_DEPLOYMENT).
      type: str
      sample: foo
    action:
      description: What NixOps does.
      type: str
      sample: switch
    lock:
      description: The lock that NixOps 2 takes.
      type: str
      sample: null
    state_project:
      description: The project of Hercules CI at which NixOps 2 has its state, where the network says so.
      type: str
      sample: null
    deploy_only:
      description: Network files that only deploying reads, of which Nix says nothing.
      type: list
      elements: str
      sample: []
    destroys:
      description: Whether NixOps is told to destroy what is obsolete, as with C(--kill-obsolete) among its arguments.
      type: bool
      sample: false
    include:
      description: The machines and resources that NixOps is told to deal with alone (C(--include)).
      type: list
      elements: str
      sample: []
    exclude:
      description: Those that NixOps is told to leave as they are (C(--exclude)).
      type: list
      elements: str
      sample: []
    secrets_map:
      description: The secrets that it asks for.
      type: dict
      sample: {aws: neat-aws}
    network:
      description: The C(machines) of the network by name, each with its C(type) and the C(system) that is prebuilt for it; its other
        C(resources), each with its C(type); both without what only files for prebuilding have. C(takes) has the names of the arguments
        that its files take, null if not known. C(known) is V(false) where some of it could not be evaluated.
      type: dict
      sample: {known: true, machines: {app1: {type: ec2, system: null}}, resources: {kp: {type: ec2KeyPairs}}, takes: []}
    bare:
      description: The same as NixOps 2 deploys it without arguments, where it is prebuilt with some and can be evaluated without them.
      type: dict
      sample: null
heads:
  description: For each branch the commit on O(remote) with whose files its effects were evaluated.
  type: dict
  returned: if O(validate=evaluate) or O(validate=prebuild)
  sample: {production: 89e6c98d92887913cadf06b2adb97f26cde4849b}
broken:
  description: What is wrong with the files of a branch on O(remote), for those whose files are not the ones that are checked out. The
      effects of such a branch are not among RV(deployments).
  type: dict
  returned: if O(validate=evaluate) or O(validate=prebuild)
  sample: {}
adopted:
  description: The file of somebody else that agents read up to now, and that means the same.
  type: str
  returned: if O(adopt=true) and O(validate=evaluate) or O(validate=prebuild)
  sample: ci.nix
renamed:
  description: Effects that are called otherwise than in that file.
  type: dict
  returned: if O(adopt=true) and O(validate=evaluate) or O(validate=prebuild)
  sample: {deploy: neat-network}
replaces:
  description: The SHA-256 hash of the file on each branch that may be replaced, for O(nixcd.hercules_ci.nixops_push#module:replaces).
  type: dict
  returned: if O(adopt=true) and O(validate=evaluate) or O(validate=prebuild)
  sample: {production: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}
backup_file:
  description: Where the file of somebody else was copied to before it was replaced.
  type: str
  returned: if that was done
  sample: /srv/neat-repo/ci.nix.4242.2026-11-29@10:00:00~
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

from ..module_utils._entry import entry
from ..module_utils._nix.effect_file import run
from ..module_utils._nix.options import SPEC


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
