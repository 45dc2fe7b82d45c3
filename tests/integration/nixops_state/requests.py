# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of a run that replaces a state."""

from __future__ import annotations

REQUESTS = {
    'list': ('GET', '.*/states'),
    'list again': ('GET', '.*/states'),
    'list to verify': ('GET', '.*/states'),
    'download': ('GET', '.*/data'),
    'upload': ('PUT', '.*/data'),
    'lock': ('POST', '.*/lock/.*'),
    'unlock': ('DELETE', '.*/lock-leases/.*'),
    'jobs': ('GET', '.*/jobs'),
}
SKIPPED = {'list again': 1, 'list to verify': 2}
