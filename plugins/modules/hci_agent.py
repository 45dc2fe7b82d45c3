#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: hci_agent
short_description: Put the files on a host that a Hercules CI agent needs to start
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Makes sure that C(binary-caches.json) and C(cluster-join-token.key) are in an agent's folder of static secrets, beside the
    C(secrets.json) that M(nixcd.hercules_ci.hci_secret) takes care of.
  - The files are changed in one step. Signing keys and tokens are not shown in results, differences, logs or errors.
  - The agent reads them when it starts. Its NixOS module watches both and restarts it; elsewhere restart it when they have changed.
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._private_file
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows names and kinds of caches, their public keys, and which fields get another value, or that the token is another. Values are
        not shown.
  idempotent:
    support: full
options:
  path:
    description:
      - The folder. It is made if it is missing, and then is open to its owner only.
      - Without it and O(agent_name), this is C(/var/lib/hercules-ci-agent/secrets), where the agent's modules for NixOS and nix-darwin
        look.
    type: path
  agent_name:
    description:
      - Name of an agent beside the unnamed one, as in C(services.hercules-ci-agents.NAME) of NixOS.
      - The folder is then C(/var/lib/hercules-ci-agent-NAME/secrets).
    type: str
  binary_caches:
    description:
      - The whole content of C(binary-caches.json), by the name of the cache. An empty dictionary is enough for one agent without a cache.
      - A cache of the kind C(CachixCache) has C(publicKeys), and may have C(signingKeys) and C(authToken).
      - A cache of the kind C(NixCache) has C(storeURI), C(publicKeys) and C(signingKeys).
      - Or the name of a variable that holds it, which is evaluated once, part by part, see O(nixcd.hercules_ci.hci_secret#module:secrets).
        Where it is not set and there is no O(cluster_join_token), the task is skipped.
    type: dict
  cluster_join_token:
    description: The token with which the agent joins the cluster of its account, from the dashboard of Hercules CI.
    type: str
seealso:
  - module: nixcd.hercules_ci.hci_secret
  - name: The binary-caches.json format
    description: The agent's own description of the file.
    link: https://docs.hercules-ci.com/hercules-ci-agent/binary-caches-json/
"""

EXAMPLES = r"""
- name: An agent can join its cluster and use a cache
  nixcd.hercules_ci.hci_agent:
    cluster_join_token: "{{ vault_cluster_join_token }}"
    binary_caches:
      neat-cache:
        kind: CachixCache
        authToken: "{{ vault_cachix_token }}"
        publicKeys: ["neat-cache.cachix.org-1:WsUIffActpYsfyxIZrfm6OXRHdNHkHk+X/lUsDTGtJS="]
  notify: Restart the agent
"""

RETURN = r"""
path:
  description: The folder.
  type: str
  returned: success
  sample: /var/lib/hercules-ci-agent/secrets
files:
  description: The files that the task is about.
  type: list
  elements: dict
  returned: success
  sample:
    - path: /var/lib/hercules-ci-agent/secrets/binary-caches.json
      changed: true
  contains:
    path:
      description: The file.
      type: str
    changed:
      description: Whether it changed.
      type: bool
    backup_file:
      description: Where the file as it was has been kept, if it changed and O(backup=true).
      type: str
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._entry import entry
from ..module_utils._payload import unpacked
from ..module_utils._secrets.agent_files import BinaryCaches, ClusterJoinToken
from ..module_utils._secrets.module_file import change_as_asked, diff_of
from ..module_utils._secrets.options import HCI_AGENT
from ..module_utils._secrets.places import Place, agent_folder


def run(module: AnsibleModule) -> dict[str, Any]:
    """Write the files that the action plugin has validated."""
    options = module.params
    folder = Place(options['path'], None, 0o400) if options['path'] else agent_folder(options['agent_name'])
    values = unpacked(options['_payload'])
    files: list[dict[str, Any]] = []
    diffs: list[dict[str, Any]] = []
    contents: dict[Place, BinaryCaches | ClusterJoinToken] = {}
    if values['binary_caches'] is not None:
        place = folder.file('binary-caches.json')
        contents[place] = BinaryCaches(place.path, values['binary_caches'])
    if values['cluster_join_token'] is not None:
        contents[folder.file('cluster-join-token.key')] = ClusterJoinToken(values['cluster_join_token'])
    for place, content in contents.items():
        files.append(change_as_asked(module, place, content))
        diffs.append(diff_of(place.path, *content.difference()))
    return {
        'changed': any(file['changed'] for file in files),
        'path': folder.path,
        'diff': [diff for diff in [*diffs, *(diff for file in files for diff in file.pop('diff'))] if diff['before'] != diff['after']],
        'files': files,
    }


def main() -> None:
    entry(HCI_AGENT.behind_action(), run)


if __name__ == '__main__':
    main()
