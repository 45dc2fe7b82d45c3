# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.outcome import Done
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.registered import done_of

PUSHED = {'branches': [{'branch': 'production', 'pushed_to': 'production', 'changed': False}]}


def test_results_are_taken_from_the_network_that_acted() -> None:
    skipped = {'skipped': True}
    watched = {'results': [{'item': 'production', 'job': None}]}
    done = done_of(['a', 'b'], {
        'a': {'_nixops_uploaded': skipped, '_nixops_rendered': skipped, '_nixops_pushed': None,
              '_nixops_watched': {'results': [{'item': 'production', 'skipped': True}]}},
        'b': {'_nixops_uploaded': {'changed': True}, '_nixops_rendered': {'path': 'x'}, '_nixops_pushed': PUSHED,
              '_nixops_watched': watched},
    })
    assert done == Done({'b': {'changed': True}}, {'path': 'x'}, {}, PUSHED, {'production': watched['results'][0]})
