# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An access key on its way from one agent to another: only who has the pad can read it."""

from __future__ import annotations

import os
from typing import Any, cast

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.aws import PAD, fingerprint, from_pad, keys_in, under_pad
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.document import Document

PADDING = '0f' * PAD
KEY = {'aws_access_key_id': 'AKIA0123456789ABCDEF', 'aws_secret_access_key': 'canary/+0123456789'}


def document(data: dict[str, Any]) -> Document:
    return cast('Document', {'neat-aws': {'kind': 'Secret', 'data': data, 'condition': True}})


def test_a_key_comes_out_as_it_went_in_and_nothing_shows_it() -> None:
    there, pad = document({**KEY, 'more': 1}), os.urandom(PAD).hex()
    noise = under_pad(there, 'neat-aws', pad)
    assert from_pad(noise, pad) == KEY['aws_secret_access_key'] and len(noise) == len(pad)
    assert b'canary' not in bytes.fromhex(noise)
    found = keys_in(there, ['neat-aws', 'other'])
    assert found == {'neat-aws': {'key': '…CDEF', 'fingerprint': fingerprint(KEY['aws_access_key_id'])}}


@pytest.mark.parametrize(('name', 'more', 'pad'), [
    ('other', {}, PADDING), ('neat-aws', {'aws_access_key_id': ''}, PADDING), ('neat-aws', {'aws_access_key_id': 1}, PADDING),
    ('neat-aws', {'aws_secret_access_key': ''}, PADDING), ('neat-aws', {'aws_secret_access_key': None}, PADDING),
    ('neat-aws', {'aws_secret_access_key': 'canary' * 50}, PADDING), ('neat-aws', {}, PADDING[:-2]), ('neat-aws', {}, PADDING + '00'),
])
def test_what_no_agent_could_get_is_refused(name: str, more: dict[str, Any], pad: str) -> None:
    with pytest.raises(Failure) as caught:
        under_pad(document({**KEY, **more}), name, pad)
    assert str(caught.value) == 'The secret has no AWS access key that another agent could get. Where: secret %s.' % name
