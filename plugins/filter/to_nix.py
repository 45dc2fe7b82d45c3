# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils._nix import expression
from ..module_utils._problems import Failure

DOCUMENTATION = r"""
name: to_nix
short_description: Print a value as an expression of the Nix language
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Turns dictionaries, lists, text, numbers, booleans and null into attribute sets, lists, strings, integers, floats, booleans and
    C(null), laid out as nixfmt does. Keys keep their order.
  - Text is always text, whatever it holds. A dictionary of the one key C(_nix) marks its text as code, which stays one expression wherever
    it is put.
  - A dictionary of the one key C(_path) likewise marks a path, which must start with C(./), C(../) or C(/).
  - Text of several lines is printed as an indented string if Nix gives it back unchanged.
  - Fails for what Nix cannot hold, which are integers of more than 64 bits, infinity, not-a-number, the character NUL and keys that are not
    text.
positional: indent
options:
  _input:
    description: The value.
    type: raw
    required: true
  indent:
    description: By how many columns to indent all lines but the first one.
    type: int
    default: 0
  short_lists:
    description: Keep lists of plain values on one line while they fit. nixfmt gives each value a line.
    type: bool
    default: false
seealso:
  - module: nixcd.hercules_ci.nixops_effect
"""

EXAMPLES = r"""
- name: A NixOps network file gets the hosts of the inventory
  ansible.builtin.copy:
    dest: /srv/neat-repo/hosts.nix
    # → { webservers = [ "web-1" "web-2" ]; pkgs = import ./pkgs.nix; } on lines of their own
    content: "{{ {'webservers': groups['webservers'], 'pkgs': {'_nix': 'import ./pkgs.nix'}} | nixcd.hercules_ci.to_nix }}\n"
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The expression, without a last newline.
  type: str
"""


def to_nix(value: Any, indent: int = 0, short_lists: bool = False) -> str:
    try:
        return expression.to_nix(value, indent, short_lists=short_lists, where='to_nix')
    except Failure as failure:
        raise AnsibleFilterError(str(failure)) from failure


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {'to_nix': to_nix}
