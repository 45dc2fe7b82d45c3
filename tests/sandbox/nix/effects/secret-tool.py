# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What effects need of jq: read fields of secrets. Used by effect.sh."""

import json
import os
import re
import sys


def field(secret, path):
    """The value at a jq path of plain keys: .a, .a.b, ."a-b", .["a"]."""
    with open(os.environ['HERCULES_CI_SECRETS_JSON'], encoding='utf-8') as file:
        value = json.load(file).get(secret, {}).get('data')
    if not re.fullmatch(r'\.|(\.?\["[^"]*"\]|\."[^"]*"|\.[A-Za-z_]\w*)+', path):
        sys.exit('this stand-in reads plain paths such as .key, not %s' % path)
    for quoted, plain in re.findall(r'"([^"]*)"|\.([A-Za-z_]\w*)', path):
        value = value.get(quoted or plain) if isinstance(value, dict) else None
    return value


def string(secret, path):
    value = field(secret, path)
    print(value if isinstance(value, str) else json.dumps(value))
    if value is None or value is False:
        sys.exit('Could not find path %s in secret %s' % (path, secret))


def as_json(secret, path):
    print(json.dumps(field(secret, path), separators=(',', ':')))


{'string': string, 'json': as_json}[sys.argv[1]](*sys.argv[2:])
