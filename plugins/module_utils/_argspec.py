# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Options that several modules share; documented in the fragment nixcd.hercules_ci._connection."""

from __future__ import annotations

from typing import Any

CONNECTION_OPTIONS: dict[str, Any] = {
    'api_base_url': {'type': 'str'},
    'api_token': {'type': 'str', 'no_log': True},
    'credentials_file': {'type': 'path'},
    'validate_certs': {'type': 'bool', 'default': True},
    'ca_path': {'type': 'path'},
    'timeout': {'type': 'int', 'default': 30},
}
