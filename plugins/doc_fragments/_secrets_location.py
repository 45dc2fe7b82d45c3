# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that say which agent's files are meant."""

from __future__ import annotations


class ModuleDocFragment:
    """The options in LOCATION_OPTIONS of module_utils/_secrets/options.py."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - The file.
      - Without it, O(agent_name) and O(project), this is C(/var/lib/hercules-ci-agent/secrets/secrets.json), where the agent's modules for
        NixOS and nix-darwin look.
    type: path
  agent_name:
    description:
      - Name of an agent beside the unnamed one, as in C(services.hercules-ci-agents.NAME) of NixOS.
      - The file is then C(/var/lib/hercules-ci-agent-NAME/secrets/secrets.json).
    type: str
  project:
    description:
      - A project on Hercules CI, as C(SITE/ACCOUNT/PROJECT), for example V(github/neat-org/neat-repo).
      - The file is then the one that C(hci effect run) reads for the project's account, for the user that the task runs as,
        C(~/.config/hercules-ci/secrets/SITE/ACCOUNT/secrets.json).
    type: str
"""
