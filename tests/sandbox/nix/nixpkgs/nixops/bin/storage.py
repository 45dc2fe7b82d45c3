# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NixOps 2.x, which keeps its state at Hercules CI, by the plugin nixops-hercules-ci."""

import json
import os
import sqlite3
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import main
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
    """The state file that the network names, under the lock that it names.

    Like the plugin, a command that may write uploads a database whenever it could open one: also when nothing changed in it, when it
    was an export or an empty file before, and when the command fails.
    """

    def __init__(self, writes):
        settings = network.settings()
        self.writes = writes
        self.storage = only(settings.get('storage'), 'storage')
        if self.storage is None:
            raise SystemExit('nixops.evaluation.MalformedNetworkError: WARNING: NixOps 1.0 -> 2.0 conversion step required')
        self.lock = only(settings.get('lock') or None, 'lock')
        self.lease = None

    def __enter__(self):
        if self.lock is not None:
            self.acquire()
        try:
            self.state, self.problem = self.download()
        except BaseException:
            self.release()
            raise
        if self.problem:
            self.__exit__()
            raise SystemExit(self.problem)
        if not self.state and os.environ.get('SANDBOX_NIXOPS2_WITHOUT_STATE') == 'creates':
            created = state_files.create(self.state, os.environ.get('NIXOPS_DEPLOYMENT'))
            print('created deployment \u2018%s\u2019' % created, file=sys.stderr)
        return self.state

    def __exit__(self, *_exception):
        try:
            if self.writes:
                self.upload()
        finally:
            self.release()

    def acquire(self):
        request = {'description': 'nixops %s' % ' '.join(sys.argv[1:2]), 'exclusive': self.writes, 'parent': None,
                   'idempotencyKey': str(uuid.uuid4())}
        while True:
            reply = json.loads(call('POST', address(self.lock, 'lock'), json.dumps(request).encode()))
            if reply['tag'] == 'Acquired':
                self.lease = reply['contents']['leaseId']
                return
            print('waiting for lock...', file=sys.stderr, flush=True)
            time.sleep(0.25)

    def release(self):
        if self.lease:
            call('DELETE', '/lock-leases/%s' % self.lease)

    def download(self):
        """The state, and why the command fails nevertheless."""
        try:
            data = call('GET', address(self.storage, 'state') + '/data')
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404 and os.environ.get('SANDBOX_NIXOPS2_WITHOUT_STATE') == 'creates':
                return {}, None
            print('hci: FailureResponse: statusCode = %d' % error.code, file=sys.stderr)
            problem = "subprocess.CalledProcessError: Command '['hci', 'state', 'get', …]' returned non-zero exit status 1."
            raise SystemExit(problem) from error
        if not data:
            return {}, None
        try:
            document = json.loads(data)
        except ValueError:
            return read(data), None
        print('The remote state was in NixOps export format. It will be migrated to NixOps database format.', file=sys.stderr)
        state = {}
        try:
            for key, attributes in state_files.load_export(json.dumps(document)).items():
                state_files.enter(state, key, attributes)
        except SystemExit as problem:
            return state, str(problem)
        return state, None

    def upload(self):
        print('nixops state file updated; uploading...', file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'state.nixops')
            state_files.write_database(path, self.state)
            with open(path, 'rb') as file:
                call('PUT', address(self.storage, 'state') + '/data', file.read(), 'application/octet-stream')


def only(choices, what):
    """The settings of the one storage or lock that a network names."""
    if choices is None:
        return None
    if not isinstance(choices, dict) or len(choices) != 1:
        raise SystemExit('nixops.evaluation.MalformedNetworkError: network.%s has to have one defined backend.' % what)
    (name, options), = choices.items()
    if name != 'hercules-ci':
        raise SystemExit('Exception: Missing %s plugin: this stand-in has none but hercules-ci.' % what)
    if 'stateName' not in options:
        raise SystemExit("AttributeError: 'HerculesCIStorageBackendOptions' object has no attribute 'stateName'")
    return options


def address(options, kind):
    """Of a state file or lock of the project that the settings name, or of the project whose effect this is."""
    project = options.get('project')
    where = '/site/%s/account/%s/project/%s' % tuple(project.split('/')) if project else '/projects/' + os.environ['HERCULES_CI_PROJECT_ID']
    return '%s/%s/%s' % (where, kind, urllib.parse.quote(options['stateName'], safe=''))


def read(data):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'state.nixops')
        with open(path, 'wb') as file:
            file.write(data)
        try:
            return state_files.read_database(path)
        except sqlite3.DatabaseError as error:
            raise SystemExit('sqlite3.DatabaseError: %s' % error) from error


if __name__ == '__main__':
    main.main(Remote)
