# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for hci: notes how it was called, and does what the file fake-hci.json in the checkout says."""

import json
import os
import subprocess
import sys

with open('fake-hci.json') as file:
    script = json.load(file)
with open('calls.jsonl', 'a') as calls:
    wanted = {name: value for name, value in os.environ.items() if name.startswith('HERCULES_CI_')}
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
