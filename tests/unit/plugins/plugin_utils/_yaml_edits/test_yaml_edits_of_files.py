# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Five edits of each of 200 files: Ansible reads what was asked for and nothing else is another, or the edit is refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.changes import Append, Change, Noted, Put, Question
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.edit import edited

from .files import FILES

HOST = {
    'nixops_deployment': 'new',
    'nixops_network_files': ['network.nix', 'network-aws.nix'],
    'nixops_network_args': {'size': 'large', 'count': 3, 'debug': False, 'domain': '*.example.com: "x"'},
    'nixops_user_setup_script': 'set -e\nwriteAWSSecret aws default\n',
    'nixops_branches': Question('Which branches deploy it?', 'nixops_branches: [production]'),
    'nixops_state': Noted('present', ('Hercules CI has it.',)),
}
PLAIN_HOST = {
    **{name: value for name, value in HOST.items() if name not in ('nixops_branches', 'nixops_state')}, 'nixops_state': 'present',
}
REFUSED = {
    ('anchors', 'replace'), ('anchors', 'add a key'), ('anchors', 'append'),  # what an alias stands for would change, too
    ('unsafe', 'replace'),  # what of the tag?
}
UNENDED_TEXT = ('block-text, unended', 'block-text, bom-crlf-unended')
"""Their last value is text of which a line break is a part only if something follows it."""


def load(content: bytes) -> Any:
    return AnsibleLoader(content.decode('utf-8-sig')).get_single_data()


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Everything that can be named."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(key, (str, int)) and not isinstance(key, bool):
            yield from paths(item, (*path, key))


def edits(value: Any) -> dict[str, tuple[Change, Any]]:
    """Five changes, and what each makes of the value."""
    every = list(paths(value))
    scalar = next((path for path, item in every if path and isinstance(item, str) and not hasattr(item, '_ciphertext')), ('first',))
    mapping = max((path for path, item in every if isinstance(item, dict)), key=len)
    sequence = next((path for path, item in every if isinstance(item, list)), ('new', 'list'))
    top: tuple[Any, ...] = () if isinstance(value, dict) else mapping
    return {
        'replace': (Put(scalar, 'yes: "it" #1'), put(value, scalar, 'yes: "it" #1')),
        'add a key': (Put((*mapping, 'new key'), '0644'), put(value, (*mapping, 'new key'), '0644')),
        'add a host': (
            Put((*top, 'nixops_networks', 'hosts', 'new'), HOST), put(value, (*top, 'nixops_networks', 'hosts', 'new'), PLAIN_HOST),
        ),
        'append': (Append(sequence, {'name': 'x', 'on': True}), put(value, (*sequence, None), {'name': 'x', 'on': True})),
        'add a list': (Put((*top, 'added'), ['a b', 1.5, None]), put(value, (*top, 'added'), ['a b', 1.5, None])),
    }


def put(value: Any, path: tuple[Any, ...], wanted: Any) -> Any:
    """By hand, so that nothing of the code is trusted. None in a path: at the end of the list."""
    result = at = copy.deepcopy(unshared(value))
    for part, following in zip(path[:-1], path[1:]):
        if isinstance(at, dict) and at.get(part) is None:
            at[part] = [] if following is None else {}
        at = at[part]
    if path[-1] is None:
        at.append(wanted)
    else:
        at[path[-1]] = wanted
    return result


def unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unshared(item) for key, item in value.items()}
    return list(map(unshared, value)) if isinstance(value, list) else value


def described(value: Any) -> Any:
    """With types, so that neither true is 1 nor the order of keys is lost."""
    if isinstance(value, dict):
        return [(described(key), described(item)) for key, item in value.items()]
    if isinstance(value, list):
        return ['list', *map(described, value)]
    if hasattr(value, '_ciphertext'):
        return 'vault', str(value._ciphertext).strip("b'").replace('\\n', '\n')
    kind = next(kind.__name__ for kind in (bool, int, float, str, object) if isinstance(value, kind))
    return kind, str(value)


def is_kept(before: bytes, after: bytes, replaced: int) -> bool:
    """Whether all bytes of the file are still there, in their order, but for so many in one place."""
    start = next((i for i, (a, b) in enumerate(zip(before, after)) if a != b), min(len(before), len(after)))
    if not replaced:
        rest = iter(after[start:])
        return all(byte in rest for byte in before[start:])
    common = next((i for i, (a, b) in enumerate(zip(reversed(before), reversed(after))) if a != b), min(len(before), len(after)))
    return start + common + replaced >= len(before)


def is_refused(name: str, label: str) -> bool:
    return (name.split(',', maxsplit=1)[0], label) in REFUSED or (name in UNENDED_TEXT and label.startswith('add'))


@pytest.mark.parametrize('name', FILES)
def test_five_edits(name: str) -> None:
    content = FILES[name]
    value = load(content)
    for label, (change, expected) in edits(value).items():
        try:
            after = edited(content, [change], 'inventory.yml')
        except Failure as failure:
            assert is_refused(name, label), '%s: %s' % (label, failure)
            continue
        assert not is_refused(name, label), label
        assert described(load(after)) == described(expected), label
        assert is_kept(content, after, 400 if label == 'replace' else 0) or b'{}' in content or b'null' in content, label
        assert edited(after, [change] if isinstance(change, Put) else [], 'inventory.yml') == after, label
        if b'\r\n' in content:
            assert after.count(b'\n') == after.count(b'\r\n')


def test_there_are_two_hundred() -> None:
    assert len(FILES) == len(set(FILES.values())) == 200
