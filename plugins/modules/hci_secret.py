#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: hci_secret
short_description: Put secrets for Hercules CI effects into an agent's secrets.json
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Makes sure that secrets are in a C(secrets.json), or are not, and leaves the other secrets of the file as they are.
  - The agent decodes the file as a whole, so that one bad entry takes every secret away. This module writes nothing that the agent could
    not read, and reports a file that it could not read already, with the agent's own words, instead of overwriting it.
  - The file is changed in one step under a lock, so that plays may run at the same time, and the agent never sees half a file.
  - No value of a secret is shown in results, differences, logs or errors, at any verbosity. Names of secrets and fields, and conditions
    are.
  - The agent reads the file for every effect that needs a secret. It need not be restarted.
  - A folder that is missing is made, open to its owner only. So is the file, also without a secret, unless O(state=absent). An agent
    without one fails every effect that has a C(secretsMap), even if that has only C({type = "GitToken";}).
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._private_file
  - nixcd.hercules_ci._secrets_location
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows names, fields and conditions, and which fields get another value. Values are not shown.
  idempotent:
    support: full
options:
  name:
    description: Name of one secret, as the values in the C(secretsMap) of an effect have it.
    type: str
  data:
    description:
      - Fields of the secret O(name), such as C(aws_access_key_id). Values may be of any type that JSON has.
      - If it is not given, the data stays as it is; a new secret needs it.
      - Or the name of a variable that holds them, see O(secrets).
    type: dict
  condition:
    description:
      - Which jobs may use the secret O(name).
      - A boolean, V(isDefaultBranch), V(isTag), or a dictionary with one key, C(and) or C(or) with a list of conditions, C(isBranch),
        C(isRepo) or C(isOwner) with a name. The name of a repository comes without its owner.
      - If it is not given, the condition stays as it is; a new secret needs one, see O(require_condition).
    type: raw
  secrets:
    description:
      - Several secrets at once, changed together in one step. A dictionary of names, each with a dictionary of C(data) and C(condition),
        which mean the same as O(data) and O(condition).
      - A secret may say C(aws_user), with C(max_age), C(soak), C(profile) and C(region) where wanted. Then its fields C(aws_access_key_id)
        and C(aws_secret_access_key) are looked after by M(nixcd.hercules_ci.aws_key). They stay as they are, and a secret that does not
        have them yet is left out.
      - With O(state=absent) only the names count.
      - Or the name of a variable that holds them. It is evaluated once, part by part. A lookup is asked once, and a message about a part
        that cannot be evaluated names its place and quotes nothing. In a template that Ansible evaluates itself, such a message may quote
        the other secrets before ansible-core 2.19. Where the variable is not set, there are no secrets.
    type: dict
  networks:
    description:
      - Hosts of the inventory that are networks. Each of O(secrets) without a condition is opened to just those of them whose
        C(nixops_secrets_map) names it, as the filter P(nixcd.hercules_ci.least_privilege#filter) does.
      - A secret that lacks a field which a script of theirs reads, or has no value of it, is refused. Where a lookup gives all of
        O(secrets) or a condition, so are a secret that a network names and that is missing, and a condition that refuses a network.
    type: list
    elements: str
  state:
    description: Whether the secrets are to be in the file.
    type: str
    choices: [present, absent]
    default: present
  data_update:
    description:
      - V(replace) makes the data of a secret exactly what is given.
      - V(extend) sets the fields that are given and leaves the secret's other fields as they are.
    type: str
    choices: [replace, extend]
    default: replace
  exclusive:
    description:
      - Remove the secrets that are not given from the file. With O(state=absent) this does nothing.
      - The file as it was is kept then, as with O(backup), if secrets are removed.
    type: bool
    default: false
  allow_empty:
    description:
      - Let O(exclusive=true) remove all secrets where none is given.
      - Without it that is refused, since a variable that was not found looks the same.
    type: bool
    default: false
  require_condition:
    description:
      - Refuse a secret without a condition. Agents from version 0.9 on hand such a secret to nobody; only C(hci effect run) does.
    type: bool
    default: true
seealso:
  - module: nixcd.hercules_ci.hci_secret_info
  - plugin: nixcd.hercules_ci.least_privilege
    plugin_type: filter
  - name: The secrets.json format
    description: The agent's own description of the file and of conditions.
    link: https://docs.hercules-ci.com/hercules-ci-agent/secrets-json/
"""

EXAMPLES = r"""
- name: The effects on the branch production of one repository can use AWS
  nixcd.hercules_ci.hci_secret:
    name: neat-aws
    data:
      aws_access_key_id: "{{ vault_aws_key_id }}"
      aws_secret_access_key: "{{ vault_aws_key }}"
    condition:
      and:
        - isOwner: neat-org
        - isRepo: neat-repo
        - isBranch: production

- name: An agent has these secrets and no other, for just the networks that name them
  nixcd.hercules_ci.hci_secret:
    agent_name: deployer
    secrets: "{{ my_secrets | nixcd.hercules_ci.least_privilege(groups['nixops_networks'] | map('extract', hostvars)) }}"
    exclusive: true
  register: provisioned

- name: One field is rotated, the rest of the secret stays
  nixcd.hercules_ci.hci_secret:
    name: neat-aws
    data:
      aws_secret_access_key: "{{ vault_new_aws_key }}"
    data_update: extend
    backup: true

- name: A secret that was revoked is gone
  nixcd.hercules_ci.hci_secret:
    name: old-aws
    state: absent

- name: The same secret for trying an effect by hand, with hci effect run
  nixcd.hercules_ci.hci_secret:
    project: github/neat-org/neat-repo
    name: neat-aws
    data:
      aws_access_key_id: "{{ vault_aws_key_id }}"
      aws_secret_access_key: "{{ vault_aws_key }}"
    condition: isDefaultBranch
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /var/lib/hercules-ci-agent/secrets/secrets.json
secrets:
  description:
    - The secrets that are new or have changed, as they are now, without their values.
    - M(nixcd.hercules_ci.hci_secret_info) lists all of a file.
  type: dict
  returned: success
  sample:
    neat-aws:
      fields: [aws_access_key_id, aws_secret_access_key]
      condition: {"and": [{"isOwner": "neat-org"}, {"isRepo": "neat-repo"}, {"isBranch": "production"}]}
      usable_by: owner neat-org and repository neat-repo and branch production
  contains:
    fields:
      description: Names of the fields of the data, in order.
      type: list
      elements: str
    condition:
      description: The condition, V(null) if there is none.
      type: raw
    usable_by:
      description: The condition in words.
      type: str
added:
  description: Names of the secrets that are new in the file.
  type: list
  elements: str
  returned: success
  sample: [neat-aws]
updated:
  description: Names of the secrets whose data or condition changed.
  type: list
  elements: str
  returned: success
  sample: []
removed:
  description: Names of the secrets that are no longer in the file.
  type: list
  elements: str
  returned: success
  sample: []
aws_keys:
  description: Of the secrets with C(aws_user) that have a key, what M(nixcd.hercules_ci.aws_key_info) returns.
  type: dict
  returned: if a secret has C(aws_user)
  sample: {neat-aws: {key: "…7XQ2", fingerprint: 0123456789abcdef}}
backup_file:
  description: Where the file as it was has been kept.
  type: str
  returned: if the file changed, and O(backup=true) or secrets were removed by O(exclusive=true)
  sample: /var/lib/hercules-ci-agent/secrets/secrets.json.4711.2026-11-22@10:15:00~
problems:
  description: What is wrong, one dictionary for each problem. Modules of this collection all return it, with those keys that say something.
  type: list
  elements: dict
  returned: failure
  contains:
    severity:
      description: V(error), or V(warning) for what would not have stopped the task by itself.
      type: str
    what:
      description: What is wrong, as a sentence. In a file, this quotes the message of the agent's parser.
      type: str
    where:
      description: A file and the place in it, an address, or a host and its variable with, where Ansible knows it, file and line.
      type: str
    expected:
      description: What there should be.
      type: str
    found:
      description: What there is instead. Never the value of a secret.
      type: str
    remedy:
      description: What to do.
      type: str
  sample:
    - severity: error
      what: "The agent cannot parse its secrets: Error in $.a.condition: Expected Object, String or true."
      where: /var/lib/hercules-ci-agent/secrets/secrets.json, $.a.condition
      remedy: "Put this place right by hand: one bad entry takes every secret of the file away, and the file was left as it is."
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._entry import entry
from ..module_utils._files import read_if_present
from ..module_utils._payload import unpacked
from ..module_utils._secrets.change import Rewrite, Wish
from ..module_utils._secrets.module_file import change_as_asked
from ..module_utils._secrets.options import HCI_SECRET
from ..module_utils._secrets.places import secrets_file


def run(module: AnsibleModule) -> dict[str, Any]:
    """Fulfil the wish that the action plugin has validated."""
    options = module.params
    place = secrets_file(options['path'], options['agent_name'], options['project'])
    wish = Wish(
        secrets=unpacked(options['_payload']),
        present=options['state'] == 'present',
        extend=options['data_update'] == 'extend',
        exclusive=options['exclusive'],
        allow_empty=options['allow_empty'],
        conditions_required=options['require_condition'],
    )
    rewrite = Rewrite(place.path, wish)
    if wish.is_nothing and os.path.islink(place.path) and os.path.exists(place.path):  # somebody else looks after that file
        rewrite(read_if_present(place.path, follow=True))
        return rewrite.result({'changed': False, 'path': place.path, 'diff': []})
    return rewrite.result(change_as_asked(module, place, rewrite, rewrite.loses))


def main() -> None:
    entry(HCI_SECRET.behind_action(), run)


if __name__ == '__main__':
    main()
