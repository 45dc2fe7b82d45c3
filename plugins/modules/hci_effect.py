#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: hci_effect
short_description: Run, evaluate or list effects of a checkout with the program hci
version_added: 0.1.0
description:
  - Runs an effect of a checkout on this machine instead of on an agent, as C(hci effect run) does. So a deployment can be tried before
    it is pushed, or carried out while no agent is there.
  - The effect runs for real, whichever branch you give. With the state of a deployment it changes machines.
  - The values in the local secrets file are masked in everything that is returned or written to O(log_file).
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._connection.project
attributes:
  check_mode:
    support: partial
    details:
      - With O(command=run), the effect is evaluated and not run. With an hci before 0.3.9, which cannot do that, nothing is called but
        C(hci --version), and a warning says so.
  diff_mode:
    support: none
    details:
      - What an effect changes is its own secret.
  idempotent:
    support: none
    details:
      - With O(command=run), the effect is run each time.
requirements:
  - hci (the package hercules-ci-cli), 0.3.9 or newer for O(command=eval) and O(command=list)
  - Nix
options:
  checkout:
    description:
      - The working tree whose ci.nix declares the effect. What is not committed counts, too.
    type: path
    required: true
  command:
    description:
      - With V(run), run O(attribute). With V(eval), evaluate it. With V(list), list all effects.
    type: str
    choices: [run, eval, list]
    default: run
  attribute:
    description:
      - The attribute path of the effect, as O(command=list) prints it. Required for O(command=run) and O(command=eval).
    type: str
  branch:
    description:
      - Pretend to be on this branch. Short for O(ref) with C(refs/heads/) in front.
      - Without O(branch), O(tag) and O(ref), hci looks at the checkout.
    type: str
  tag:
    description:
      - Pretend to be on this tag. Short for O(ref) with C(refs/tags/) in front.
    type: str
  ref:
    description:
      - Pretend to be on this full ref.
    type: str
  token:
    description:
      - Whether to get a token for the effect from Hercules CI, which gives it access to the project's state files.
      - Without a token, C(--no-token), hci takes the ref for the default branch when it decides about secrets.
    type: bool
    default: true
  api_token:
    description:
      - The token with which hci talks to Hercules CI. hci finds it in a file that is open to its user only and lasts as long as the task.
        It is in no argument and in no environment.
      - If not set, hci finds its own, in the environment variable E(HERCULES_CI_API_TOKEN) or where C(hci login) stores it.
    type: str
  secrets_file:
    description:
      - The file with the secrets that the effect may get, in the format of an agent's C(secrets.json).
      - If not set, the file that E(HERCULES_CI_SECRETS_JSON) names, and then C(hercules-ci/secrets/SITE/ACCOUNT/secrets.json) in
        E(XDG_CONFIG_HOME), which is C(~/.config) unless set.
    type: path
  hci_program:
    description:
      - The program, as a path or as a name to be found in E(PATH).
    type: str
    default: hci
  log_file:
    description:
      - Where to write all that the effect prints, while it runs. The file is overwritten, and only its owner may read it.
    type: path
  log_lines:
    description:
      - How many lines from the end of the output to return.
    type: int
    default: 50
  run_timeout:
    description:
      - After how many seconds to end hci and all that it has started.
    type: int
    default: 3600
seealso:
  - module: nixcd.hercules_ci.hci_job
  - module: nixcd.hercules_ci.nixops_effect
notes:
  - hci finds the address of Hercules CI in E(HERCULES_CI_API_BASE_URL). To set it, use the task's keyword C(environment). Do not set
    a token there - Ansible writes such variables into command lines, which everybody on the machine can see, and into what it prints.
    Use O(api_token).
  - Values are masked as they are and as base64, hexadecimal, JSON, Python, HTML, URLs and shells write them, also inside each other.
    What is JSON inside of a value is masked field by field.
  - Values of fewer than four characters are not masked, and neither is what an effect derives from a secret.
"""

EXAMPLES = r"""
- name: Which effects there would be on the production branch
  nixcd.hercules_ci.hci_effect:
    checkout: /srv/neat-repo
    project: github/neat-org/neat-repo
    command: list
    branch: production
  register: listed

- name: Deploy from here, as if on the production branch
  nixcd.hercules_ci.hci_effect:
    checkout: /srv/neat-repo
    project: github/neat-org/neat-repo
    attribute: neat-network.run
    branch: production
    log_file: /var/log/neat-network.log
  register: deployment

- name: Only evaluate it, without a token and with secrets of one's own
  nixcd.hercules_ci.hci_effect:
    checkout: /srv/neat-repo
    project: github/neat-org/neat-repo
    command: eval
    attribute: neat-network.run
    tag: v1.2
    token: false
    secrets_file: /root/neat-secrets.json
"""

RETURN = r"""
cmd:
  description: What was called. It holds no secret.
  type: list
  elements: str
  returned: when hci was called
  sample: [/usr/bin/hci, effect, run, --project, github/neat-org/neat-repo, --pretend-ref, refs/heads/production, neat-network.run]
rc:
  description: The exit code of hci, which is that of the effect.
  type: int
  returned: when hci was called
  sample: 0
version:
  description: The version of hci.
  type: str
  returned: when hci was found
  sample: 0.3.9
derivation:
  description: The derivation of the effect.
  type: str
  returned: with O(command=eval), and in check mode with O(command=run)
  sample: /nix/store/11111111111111111111111111111111-effect-nixops-foo.drv
effects:
  description: The attribute paths of all effects.
  type: list
  elements: str
  returned: with O(command=list)
  sample: [neat-network.run]
log:
  description: The last lines of the output, with known secrets masked.
  type: list
  elements: str
  returned: when hci was called
  sample: ['neat-web> activation finished successfully']
log_file:
  description: The file with all of the output.
  type: str
  returned: with O(command=run) and O(log_file), outside check mode
  sample: /var/log/neat-network.log
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
  sample: [{severity: error, what: The effect neat-network.run failed with exit code 1., where: /srv/neat-repo}]
"""

from typing import Any

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._entry import entry
from ..module_utils._hci import local_effect
from ..module_utils._payload import PAYLOAD_OPTION
from ..module_utils._processes import ending_in_order

SPEC = ArgumentSpec(
    {
        'checkout': {'type': 'path', 'required': True},
        'project': {'type': 'str', 'required': True},
        'command': {'type': 'str', 'choices': ['run', 'eval', 'list'], 'default': 'run'},
        'attribute': {'type': 'str'},
        'branch': {'type': 'str'},
        'tag': {'type': 'str'},
        'ref': {'type': 'str'},
        'token': {'type': 'bool', 'default': True, 'no_log': False},
        'api_token': {'type': 'str', 'no_log': True},
        **PAYLOAD_OPTION,
        'secrets_file': {'type': 'path', 'no_log': False},
        'hci_program': {'type': 'str', 'default': 'hci'},
        'log_file': {'type': 'path'},
        'log_lines': {'type': 'int', 'default': 50},
        'run_timeout': {'type': 'int', 'default': 3600},
    },
    mutually_exclusive=[('branch', 'tag', 'ref')],
    required_if=[('command', 'run', ('attribute',)), ('command', 'eval', ('attribute',))],
)


def run(module: Any) -> dict[str, Any]:
    """What the program hci says; it has a session of its own, and would go on to deploy when this process is ended."""
    with ending_in_order():
        return local_effect.run(module.params, module.check_mode, module.warn)


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
