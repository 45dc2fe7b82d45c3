# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hook of a repository, `python -m tests.sandbox.hook DATA PROJECT`: tell the sandbox of the pushes on standard input.

Each push waits for it, so that it does without the sandbox's own modules.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path


def tell(data: Path, project: str, ref: str, rev: str) -> None:
    """Tell the server of a ref that moved, and print where its job is. Where no server listens, the job waits for one."""
    body = {'project': project, 'ref': ref, 'rev': rev}
    try:
        url = (data / 'url').read_text(encoding='utf-8').strip()
        request = urllib.request.Request(url + '/sandbox/pushed', json.dumps(body).encode(), method='POST')
        with urllib.request.urlopen(request, timeout=30) as reply:
            job = json.load(reply)
    except (OSError, urllib.error.URLError):
        print('The sandbox does not run; the job of %s waits until it does.' % ref, flush=True)
        subprocess.run([sys.executable, '-m', 'tests.sandbox', 'pushed', '--data', str(data), project, ref, rev], check=True)
    else:
        print('%s/%s/jobs/%d' % (url, project, job['index']) if job else 'No job is due for %s.' % ref, flush=True)


for line in sys.stdin:
    _old, new, moved = line.split()
    tell(Path(sys.argv[1]), sys.argv[2], moved, new)
