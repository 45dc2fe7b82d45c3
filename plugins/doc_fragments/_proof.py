# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Nix is asked about a file of effects before nixops_effect writes it, and what that has to show."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of the module that are about the proof, and about the file that is there."""

    DOCUMENTATION = r"""
options:
  validate:
    description:
      - V(none) only renders and needs no Nix.
      - V(parse) checks the syntax.
      - V(evaluate) evaluates the effects for each ref, and fails if one would never run or runs where its O(effects[].run_on) does not say.
      - V(prebuild) also instantiates the prebuilt networks, as C(nix-instantiate ci.nix -A NAME.prebuilt) does.
    type: str
    choices: [none, parse, evaluate, prebuild]
    default: evaluate
  validate_timeout:
    description: How many seconds Nix may take for all effects together.
    type: int
    default: 1800
  refs:
    description:
      - The refs to evaluate, by their full names such as V(refs/heads/production).
      - By default these are the refs that effects name, the branch that is checked out, and one that nobody names; if an effect has
        O(effects[].run_on.condition), also all branches that the checkout knows.
    type: list
    elements: str
    default: []
  remote:
    description: A Git remote of the checkout, whose O(branches) will get the file.
    type: str
  branches:
    description:
      - Branches of O(remote). They are evaluated, too, with the files that they have there, as that is what agents see.
      - A branch whose files are those of the checkout costs nothing more.
    type: list
    elements: str
    default: []
  adopt:
    description:
      - Replace a file that this module did not write if Nix shows that the new one means the same to agents - the same derivations of all
        effects and builds, for each ref that effects, the old file or O(branches) name, for a branch and for a tag that nobody names.
        Otherwise the old file stays, and each effect is told with the refs and with what differs.
      - That is shown for the file in O(checkout), which is kept as RV(backup_file), and for those that O(branches) of O(remote) have. A
        C(flake.nix) or C(default.nix) stays where it is; agents read C(ci.nix) before it.
      - V(form=auto) is then the form of the file that is there.
      - Needs O(validate=evaluate) or O(validate=prebuild).
    type: bool
    default: false
  force:
    description: Overwrite or remove a file that this module did not write.
    type: bool
    default: false
"""
