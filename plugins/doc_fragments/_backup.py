# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that say where a backup lies."""

from __future__ import annotations


class ModuleDocFragment:
    """The options in PLACE of plugin_utils/_backup/options.py."""

    DOCUMENTATION = r"""
options:
  folder:
    description:
      - A folder of the controller. States hold private keys, so the folder is made for its owner only, and so is every file in it.
      - Either this or O(bucket) is required.
    type: path
  bucket:
    description:
      - A bucket of S3, or of a service that speaks the same protocol. Needs the Python package boto3 on the controller.
    type: str
  prefix:
    description:
      - How the names of all objects in O(bucket) begin.
    type: str
    default: ''
  endpoint_url:
    description:
      - Address of the service. If not set, as boto3 finds it (E(AWS_ENDPOINT_URL)), else that of AWS.
    type: str
  region:
    description:
      - Region of O(bucket). If not set, as boto3 finds it (E(AWS_DEFAULT_REGION)).
    type: str
  profile:
    description:
      - A profile of C(~/.aws). If not set, the credentials that boto3 finds, such as E(AWS_ACCESS_KEY_ID) and
        E(AWS_SECRET_ACCESS_KEY). The keyword C(environment) of the task sets these variables, too.
    type: str
"""
