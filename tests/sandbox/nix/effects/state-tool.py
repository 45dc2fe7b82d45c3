# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What effects need of curl: transfer state files. Used by effect.sh."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

RETRIED = {408, 421, 429, 500, 502, 503, 504}
ATTEMPTS = 8


def call(method, name, data=None):
    """The reply's status and body; transient errors are tried again."""
    with open(os.environ['HERCULES_CI_SECRETS_JSON'], encoding='utf-8') as file:
        token = json.load(file)['hercules-ci']['data']['token']
    url = '%s/api/v1/current-task/state/%s/data' % (os.environ['HERCULES_CI_API_BASE_URL'], name)
    headers = {'Authorization': 'Bearer %s' % token, 'Content-Type': 'application/octet-stream'}
    problem = ''
    for attempt in range(ATTEMPTS):
        time.sleep(0.05 * (2 ** attempt) if attempt else 0)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers)) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            if error.code not in RETRIED:
                return error.code, b''
            problem = 'http status %d' % error.code
        except OSError as error:
            problem = str(error)
        print('%s. Retrying...' % problem, file=sys.stderr, flush=True)
    sys.exit('giving up on state file %s' % name)


def get(name, path):
    print('fetching state file %s' % name, file=sys.stderr, flush=True)
    status, body = call('GET', name)
    if status in (200, 204):
        with open(path, 'wb') as file:
            file.write(body)
    elif status == 404:
        print('state file does not exist.', file=sys.stderr)
        if os.path.exists(path):
            os.remove(path)
    else:
        sys.exit('request failed with fatal status %d' % status)


def put(name, path):
    print('pushing state file %s...' % name, flush=True)
    with open(path, 'rb') as file:
        status, _body = call('PUT', name, file.read())
    if status != 200:
        sys.exit('pushing state file %s failed with status %d' % (name, status))
    print('pushing state successful.')


{'get': get, 'put': put}[sys.argv[1]](*sys.argv[2:])
