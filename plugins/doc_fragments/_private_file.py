# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options and attributes of modules that write a file which only an agent may read."""

from __future__ import annotations


class ModuleDocFragment:
    """The options in FILE_OPTIONS of module_utils/_secrets/options.py, and what plugin_utils/_private_action.py does."""

    DOCUMENTATION = r"""
attributes:
  action:
    description: The values are validated on the controller, by an action plugin of the same name, before anything runs on the host.
    support: full
    details:
      - They travel by pipelining, whatever C(pipelining) is set to, so that no temporary file on the host holds them. Where the
        configuration of sudo on the host has C(requiretty), turn that off for the user.
      - Where Ansible cannot pipeline, as with C(become_method=su), the module with the values lies in a temporary file that only the user
        may read, as long as it runs. With C(ANSIBLE_KEEP_REMOTE_FILES) that file would stay, so the module refuses to run.
      - Ansible shows the items of a C(loop). Where they hold more than names and options without values, nothing is shown of the task
        but a warning. Items that C(when) skips, and those of the loop of an include, are shown by Ansible alone.
  async:
    description: Whether the module can run in the background, with C(async).
    support: none
    details:
      - The values would lie in a file on the host meanwhile.
options:
  owner:
    description:
      - User that owns the file, by name or number.
      - Without it, an agent's file in its default place belongs to the agent's user (C(hercules-ci-agent), C(hci-NAME) for a named
        agent, C(_hercules-ci-agent) on nix-darwin), and any other file to whom it belonged before, or to the owner of the folder
        if it is new. If the folder has to be made as well, both belong to the user that the task runs as.
      - In check mode, a user who is not there yet is taken for one whom an earlier task of the play would create, with a warning. Likewise
        for O(group).
    type: str
  group:
    description:
      - Group of the file, by name or number.
      - Without it, the group stays, and a new file takes the group of its folder.
    type: str
  mode:
    description:
      - Permissions of the file, as four octal digits B(in quotes), the first of them 0.
      - The default is V('0400'), and V('0600') for the per-user file of C(hci effect run), which C(hci secret add) writes to as well.
      - On Linux, a file that is replaced keeps its access control list and other extended attributes. As with C(chmod), the digit of the
        group is then the most that anybody has whom the list names.
    type: raw
  seuser:
    description: User part of the SELinux context. Without it, the context stays as it is; likewise for the other parts.
    type: str
  serole:
    description: Role part of the SELinux context.
    type: str
  setype:
    description: Type part of the SELinux context.
    type: str
  selevel:
    description: Level part of the SELinux context, on systems with MLS or MCS.
    type: str
  backup:
    description:
      - Keep the content of the file as it was, beside the new one and with the permissions of the new one, when it changes.
      - Old secrets remain readable in it. Remove it when they have been revoked.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another play that is changing a file in the same folder.
    type: float
    default: 60.0
  _payload:
    description: How the action plugin hands the values to the module. Tasks do not set this.
    type: str
"""
