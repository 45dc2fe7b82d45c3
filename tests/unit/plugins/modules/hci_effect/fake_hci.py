# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for hci: notes how it was called, and does what the file fake-hci.json in the checkout says."""

import json
import os
import subprocess
import sys

config = os.path.join(os.environ.get('XDG_CONFIG_HOME', ''), 'hercules-ci')
with open('fake-hci.json') as file:
    script = json.load(file)
with open('calls.jsonl', 'a') as calls:
    wanted = {name: value for name, value in os.environ.items() if name.startswith('HERCULES_CI_')}
    if sys.argv[1:] != ['--version'] and os.path.exists(config):
        with open(os.path.join(config, 'credentials.json')) as file:
            found = {'credentials': json.load(file), 'all': sorted(os.listdir(os.path.dirname(config))), 'own': sorted(os.listdir(config))}
        with open('found.json', 'w') as file:
            json.dump({**found, 'folder': config, 'environment': dict(os.environ)}, file)
    calls.write(json.dumps({'argv': sys.argv[1:], 'environment': wanted, 'stdin': sys.stdin.read(), 'folder': os.getcwd()}) + '\n')
if sys.argv[1:] == ['--version']:
    if script['version'] is None:
        sys.exit('Invalid option `--version\'')
    print('hci ' + script['version'])
    sys.exit(0)
for stream, line in script['output']:
    print(line, file=sys.stdout if stream == 'out' else sys.stderr, flush=True)
if script.get('hangs'):
    # A child that holds the output open, and both take no notice of gentle requests.
    signals_parent = 'kill -TERM %d;' % os.getppid() if script.get('signals') else ''
    subprocess.run(['sh', '-c', 'trap "" TERM; echo $$ > child.pid; %s sleep 600' % signals_parent], check=False)
sys.exit(script['rc'])
