# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.scripts import SecretUse, uses_in

AWS = ('aws_access_key_id', 'aws_secret_access_key')


@pytest.mark.parametrize(('script', 'uses'), [
    ('writeAWSSecret', [SecretUse('writeAWSSecret', 'aws', AWS)]),
    ('  writeAWSSecret aws2 default', [SecretUse('writeAWSSecret', 'aws2', AWS)]),
    ('writeSSHKey "my key" ~/.ssh/id', [SecretUse('writeSSHKey', 'my key', ('privateKey',))]),
    ("writeGPGKey 'g'\"p\"g", [SecretUse('writeGPGKey', 'gpg', ('privateKey',))]),
    ('set -e; writeDockerKey docker && useDockerHost x',
     [SecretUse('writeDockerKey', 'docker', ('clientKey', 'clientCertificate', 'CACertificate'))]),
    ('if true; then writeGPGKey; else writeSSHKey a; fi',
     [SecretUse('writeGPGKey', 'gpg', ('privateKey',)), SecretUse('writeSSHKey', 'a', ('privateKey',))]),
    ('export T="$(readSecretString api .token)"', [SecretUse('readSecretString', 'api', ('token',))]),
    ('x=`readSecretJSON api \'.["a b"].c\'`', [SecretUse('readSecretJSON', 'api', ('a b',))]),
    ("readSecretString api '.\"a-b\"'", [SecretUse('readSecretString', 'api', ('a-b',))]),
    ('readSecretJSON api .', [SecretUse('readSecretJSON', 'api', ())]),
    ('readSecretString \\\n  api \\\n  .token >file', [SecretUse('readSecretString', 'api', ('token',))]),
    ('writeAWSSecret "$NAME"; writeAWSSecret $NAME', [SecretUse('writeAWSSecret', None, AWS)] * 2),
    ("writeAWSSecret '$NAME'", [SecretUse('writeAWSSecret', '$NAME', AWS)]),
    ('# writeAWSSecret aws\necho hello # writeAWSSecret', []),
    ('echo writeAWSSecret; myWriteAWSSecret; writeAWSSecretly; ./writeAWSSecret', []),
    ('writeAWSSecret aws#1', [SecretUse('writeAWSSecret', 'aws#1', AWS)]),
])
def test_calls(script: str, uses: list[SecretUse]) -> None:
    assert list(uses_in(script)) == uses
