# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs in place of the get-pip.py that ansible-test downloads from outside the package registries: gives its environments a pip.

uv installs the pip that is asked for, and then all that this pip is asked to install: that takes a tenth of the time, in a dozen
environments. What uv cannot install, whose settings are not pip's, pip does; ensurepip makes a start where that was pip itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PIP = '''\
import os, subprocess, sys
if sys.argv[1] == 'install':
    install = [%r, 'pip', 'install', '--quiet', '--python', sys.executable, *sys.argv[2:]]
    if not subprocess.call(install, env={**os.environ, **%r}):
        sys.exit()
from pip._internal.cli.main import main
sys.exit(main())
'''

# To trust whom this machine trusts; the variable has had two names.
TRUST = {'UV_SYSTEM_CERTS': '1', 'UV_NATIVE_TLS': '1'}

site = Path(sysconfig.get_path('purelib'))
# What runs in these environments ends within a minute or two: collecting garbage would be a fifth of its time.
(site / 'no_garbage_collection.pth').write_text('import gc; gc.disable()')
wanted = [argument for argument in sys.argv[1:] if not argument.startswith('--')]
uv = shutil.which('uv')
install = ['pip', 'install', '--quiet', '--python', sys.executable, *wanted]
if uv and not subprocess.call([uv, *install], env={**os.environ, **TRUST}):
    (site / 'pip' / '__main__.py').write_text(PIP % (uv, TRUST))
else:
    # in a child process, because ensurepip turns pip's configuration (index, certificates) off in the process that it runs in
    subprocess.check_call([sys.executable, '-m', 'ensurepip', '--default-pip'], stdout=subprocess.DEVNULL)
    sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install', '--quiet', *wanted]))
