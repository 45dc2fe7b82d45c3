# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where NixOps 2.x keeps its state: at Hercules CI, by the plugin nixops-hercules-ci."""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import network
import state_files


def call(method, path, body=None, content_type='application/json'):
    with open(os.environ['HERCULES_CI_SECRETS_JSON'], encoding='utf-8') as file:
        token = json.load(file)['hercules-ci']['data']['token']
    headers = {'Authorization': 'Bearer %s' % token, 'Content-Type': content_type}
    url = os.environ['HERCULES_CI_API_BASE_URL'] + '/api/v1' + path
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method, headers=headers)) as reply:
        return reply.read()


class Remote:
    """The state file that the network names, under the lock of the name that it names."""

    def __init__(self, writes):
        settings = network.settings()
        storage = settings.get('storage') or {}
        if 'hercules-ci' not in storage:
            raise SystemExit('error: this stand-in has no storage but hercules-ci' if storage else (
                'WARNING: NixOps 1.0 -> 2.0 conversion step required\n\nNixOps 2.0 added support for multiple storage backends.'))
        self.writes = writes
        self.project = '/projects/%s' % os.environ['HERCULES_CI_PROJECT_ID']
        self.name = urllib.parse.quote(storage['hercules-ci']['stateName'], safe='')
        self.lock = (settings.get('lock') or {}).get('hercules-ci')
        self.lease = None

    def __enter__(self):
        if self.lock:
            self.acquire(urllib.parse.quote(self.lock.get('stateName', ''), safe='') or self.name)
        self.state = self.download()
        self.before = json.dumps(self.state, sort_keys=True)
        return self.state

    def __exit__(self, *_exception):
        try:
            if self.writes and json.dumps(self.state, sort_keys=True) != self.before:
                self.upload()
        finally:
            if self.lease:
                call('DELETE', '/lock-leases/%s' % self.lease)

    def acquire(self, name):
        request = {'description': 'nixops %s' % ' '.join(sys.argv[1:2]), 'exclusive': self.writes, 'parent': None,
                   'idempotencyKey': str(uuid.uuid4())}
        while True:
            reply = json.loads(call('POST', '%s/lock/%s' % (self.project, name), json.dumps(request).encode()))
            if reply['tag'] == 'Acquired':
                self.lease = reply['contents']['leaseId']
                return
            print('waiting for lock...', file=sys.stderr, flush=True)
            time.sleep(0.25)

    def download(self):
        """Export JSON, an empty file, or a database: the plugin takes all three."""
        try:
            data = call('GET', '%s/state/%s/data' % (self.project, self.name))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            data = b''
        if not data:
            return {}
        if data.startswith(b'SQLite format 3\0'):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, 'state.nixops')
                with open(path, 'wb') as file:
                    file.write(data)
                return state_files.read_database(path)
        print('The remote state was in NixOps export format. It will be migrated to NixOps database format.', file=sys.stderr)
        return json.loads(data)

    def upload(self):
        print('nixops state file updated; uploading...', file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'state.nixops')
            state_files.write_database(path, self.state)
            with open(path, 'rb') as file:
                call('PUT', '%s/state/%s/data' % (self.project, self.name), file.read(), 'application/octet-stream')
