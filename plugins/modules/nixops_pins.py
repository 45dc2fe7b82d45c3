#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_pins
short_description: Bring pins in a file of an inventory up to date
version_added: 0.1.0
description:
  - Gives pins of nixpkgs, hercules-ci-effects and NixOps, that is the variable C(nixops_pins), another revision in the file that sets them.
    The revision is the newest of a branch, as C(git ls-remote) says, or a given one. The hash is that of Nix.
  - Only the values that change are written. Comments, quotes and every other byte of the file stay, and so do its mode and owner. Where
    this cannot be had, the task fails.
  - Before anything is written, Nix evaluates all networks of the inventory that have these pins with the new ones.
  - Needs the Python package ruamel.yaml on the controller, C(git), and C(nix-prefetch-url).
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - Asks, fetches and evaluates as otherwise.
  diff_mode:
    support: full
    details:
      - Shows the lines that change, and none around them.
  idempotent:
    support: full
    details:
      - As long as nobody pushes to the branch.
notes:
  - Runs on the controller, once for a play with hosts of the group C(nixops_networks). Use it with C(run_once=true).
options:
  path:
    description:
      - The file that sets the pins, such as the inventory itself or one in C(group_vars). A symbolic link is followed if it stays in its
        folder.
    type: path
    required: true
  at:
    description:
      - The keys under which the pins stand in the file, for one that has several, for example V([nixops_networks, vars, nixops_pins]).
      - If not set, the only place that is called C(nixops_pins).
    type: list
    elements: raw
  pins:
    description:
      - What pins are to become, by their names V(nixpkgs), V(effects) and V(nixops). Others stay. A pin that the file does not have is
        added, from the same repository of GitHub as the default.
      - C(branch) - the newest revision of this branch. C(revision) - this one.
      - C(repository) - what Git is to ask for the branch, in any form that it knows. By default that of GitHub which the pin names.
      - C(url) - for a pin of an archive, its new address, in which C({revision}) stands for the revision. Without it, the archive at the
        old address is hashed again.
    type: dict
    required: true
  validate:
    description:
      - Whether to evaluate the networks, as far as C(nixops_validate) says, and at least C(ci.nix) itself.
    type: bool
    default: true
seealso:
  - module: nixcd.hercules_ci.nixops_effect
"""

EXAMPLES = r"""
- name: Take the newest revision of a release of nixpkgs, and of hercules-ci-effects
  nixcd.hercules_ci.nixops_pins:
    path: "{{ inventory_dir }}/group_vars/nixops_networks.yml"
    pins:
      nixpkgs: {branch: nixos-24.05}
      effects: {branch: master}
  run_once: true

- name: Take nixpkgs from a mirror of our own
  nixcd.hercules_ci.nixops_pins:
    path: "{{ inventory_file }}"
    at: [nixops_networks, vars, nixops_pins]
    pins:
      nixpkgs:
        repository: ssh://git@git.example.org/mirror/nixpkgs
        branch: nixos-24.05
        url: https://git.example.org/mirror/nixpkgs/archive/{revision}.tar.gz
  run_once: true
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /srv/inventory/group_vars/nixops_networks.yml
pins:
  description: The pins that change, each with its options C(before) and C(after).
  type: dict
  returned: success
  sample:
    effects:
      before: {revision: af4331c44f13977b6964745454eadcfee2d244d1, sha256: 0hn8y1cq0x8ddkkrgd8xlbn65f97p7z8iny0r80b8sr6vz51dq9q}
      after: {revision: 11f0b0e6ab33cfd7ba1ef8bb8b5ae1a5bd9a4e46, sha256: 1smr8p6ij6gybdxw3lhbqmnaqwxwdm5wg3sb3r4ms9lvhc0p1pcl}
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""
