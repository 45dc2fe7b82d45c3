# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach Hercules CI: the options of everything that talks to it."""

from __future__ import annotations


class ModuleDocFragment:
    """The options in module_utils/_argspec.py: with what modules say beside them, and without that for the inventory plugin."""

    DOCUMENTATION = r"""
options:
  api_base_url:
    description:
      - Where Hercules CI answers, with V(https://) or V(http://) in front. A path, if there is one, comes before C(/api/v1).
      - If not set, the environment variable E(HERCULES_CI_API_BASE_URL) is used, and then V(https://hercules-ci.com).
    type: str
  api_token:
    description:
      - The token that proves who is asking. It is sent in a header and nowhere else, and reaches the module out of sight. A task that has
        it is refused where Ansible would leave the module in a file, with C(async) and with E(ANSIBLE_KEEP_REMOTE_FILES).
      - If not set, the token is found where C(hci) finds it - in the environment variable E(HERCULES_CI_API_TOKEN), inside an effect in
        the file that E(HERCULES_CI_SECRETS_JSON) names, and then in O(credentials_file).
      - Do not set that variable with the keyword C(environment) of a task or play. Ansible writes what is set there into command lines,
        which everybody on the machine can see, and into what it prints.
    type: str
  credentials_file:
    description:
      - The file that C(hci login) writes. When this option is set, only O(api_token) is looked at before it.
      - If not set, C(hercules-ci/credentials.json) in E(XDG_CONFIG_HOME), which is C(~/.config) unless set.
    type: path
  validate_certs:
    description:
      - Whether the certificate of the server must be valid. Set this to V(false) only where nobody can listen in,
        because the token and the state are then sent to whoever answers.
    type: bool
    default: true
  ca_path:
    description:
      - File with certificates of authorities to trust instead of those of the system, in PEM format.
    type: path
  timeout:
    description:
      - For how many seconds the server may be silent before the connection counts as lost.
      - A request that can be repeated safely is tried again, until twice that time has passed. A server that asks for a pause gets it, up
        to a minute in all.
    type: int
    default: 30
"""

    MODULE = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/nixcd.hercules_ci.hercules_ci) in C(module_defaults) to set the connection options for all such modules.
    support: full
    membership:
      - nixcd.hercules_ci.hercules_ci
notes:
  - Proxies are taken from the environment variables E(https_proxy), E(http_proxy) and E(no_proxy).
  - The keyword C(environment) of a task, a block or a play holds wherever the work is done, for proxies, tokens and all else.
  - The module runs where the task runs, and so looks for credentials there. To use those of the controller,
    run the task on a host with C(ansible_connection=local), or delegate it to C(localhost).
"""

    PROJECT = r"""
options:
  project:
    description:
      - The project on Hercules CI, as C(SITE/ACCOUNT/PROJECT), for example V(github/neat-org/neat-repo).
    type: str
    required: true
  _payload:
    description: How the action plugin hands O(api_token) to the module. Tasks do not set this.
    type: str
"""
