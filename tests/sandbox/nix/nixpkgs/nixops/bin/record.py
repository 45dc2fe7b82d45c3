# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells the sandbox what was done to a deployment's machines and other resources: one line of JSON for each."""

import json
import os


def tell(action, key, deployment, resource=None):
    """Append to the file that the sandbox named, if it did.

    action: created, kept, obsolete, obsolete as before, no longer obsolete, destroyed; configured, when a machine got another
      configuration; of the deployment itself created or imported.
    resource: the name of the machine or resource; None for the deployment itself.
    """
    path = os.environ.get('SANDBOX_RECORD')
    if not path:
        return
    attributes = deployment['resources'][resource] if resource is not None else {}
    line = {'action': action, 'deployment': key, 'deploymentName': deployment.get('name'), 'resource': resource,
            'type': attributes.get('type'), 'vmId': attributes.get('vmId')}
    with open(path, 'a', encoding='utf-8') as file:
        file.write(json.dumps(line) + '\n')
