# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""With which keys NixOps goes to AWS, and whether it will find them.

NixOps looks an accessKeyId up in ~/.ec2-keys, then in ~/.aws/credentials, where it is the key ID of the profile `default` or the name of
a profile (ec2_utils.py, fetch_aws_secret_key). writeAWSSecret writes those profiles. What the network says counts; the state has what was
used last. A key ID is never shown beyond its last four characters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .._nix.deployments import BuiltNetwork
from .._problems import Problem, listed
from .._secrets.key_ids import is_key_id, shown
from .._secrets.scripts import Profiles
from .document import Entry

DNS_KEY = 'route53.accessKeyId'


@dataclass(frozen=True)
class KeyUse:
    """A machine or another resource that needs a key. certain: whether the network says so, and not only the state."""

    name: str
    key: str
    certain: bool


def keys_used(network: BuiltNetwork | None, recorded: Mapping[str, Mapping[str, str]] | None = None) -> list[KeyUse]:
    """Who needs which key.

    network: as evaluated, None if it is not known. recorded: of the state, as `keys_recorded` reads it. What the network has no longer is
    left alone by NixOps, and what it has is asked for with the network's key, but for names in DNS.
    """
    found: set[KeyUse] = set()
    known: dict[str, str | None] = {}
    if network is not None:
        known = {name: item.access_key for group in (network.machines, network.resources) for name, item in group.items()}
    found |= {KeyUse(name, key, certain=True) for name, key in known.items() if key}
    for name, attributes in (recorded or {}).items():
        unknown = network is None or (name in known and known[name] is None) or (name not in known and not network.known)
        for attribute, key in attributes.items():
            if key and (unknown or (attribute == DNS_KEY and name in known)):
                found.add(KeyUse(name, key, certain=False))
    return sorted(found, key=lambda use: (use.name, use.key, use.certain))


def keys_recorded(entries: Iterable[Entry]) -> dict[str, dict[str, str]]:
    """The attributes with keys of what a state has and what is not obsolete, by name. The entries are those of one deployment."""
    found = {}
    for entry in entries:
        if entry.resource is not None and entry.attributes.get('obsolete') not in ('1', 'true'):
            keys = {name: value for name, value in entry.attributes.items() if name.rpartition('.')[2] == 'accessKeyId'}
            if keys:
                found[entry.resource] = keys
    return found


def key_problems(uses: Iterable[KeyUse], profiles: Profiles, key_ids: Mapping[str, Collection[str]], where: str) -> Iterator[Problem]:
    """Keys that NixOps will not find, or only until they are rotated.

    profiles: what the scripts of the effect write. key_ids: what the agents' secrets have as aws_access_key_id, or what may be shown of
    it, by the names in secretsMap, as far as known. Warnings, where only the state says so or where everything still works.
    """
    by_key: dict[tuple[str, bool], list[str]] = {}
    for use in uses:
        by_key.setdefault((use.key, use.certain), []).append(use.name)
    for (key, certain), names in sorted(by_key.items()):
        at = '%s, %s' % (where, listed(names, 5))
        if key in profiles.secrets:
            continue
        if is_key_id(key):
            yield from _literal_key(key, certain, profiles, key_ids, at)
        elif profiles.complete:
            yield Problem(
                'No script of the effect writes the AWS profile that NixOps looks for.', at,
                expected='a call writeAWSSecret SECRET %s' % shown(key), found=_written(profiles),
                remedy='Add the call to user_setup_script, or name another profile as accessKeyId in the network.',
                severity='error' if certain else 'warning',
            )


def _literal_key(key: str, certain: bool, profiles: Profiles, key_ids: Mapping[str, Collection[str]], at: str) -> Iterator[Problem]:
    """A key ID instead of a profile: found only as the one of the default profile, or in files of its own."""
    remedy = 'Name the profile that writeAWSSecret SECRET PROFILE writes as accessKeyId in the network.'
    secret = profiles.secrets.get('default')
    held = key_ids.get(secret or '', ())
    lost = profiles.complete and (('default' not in profiles.secrets) or (bool(held) and shown(key) not in map(shown, held)))
    if lost:
        yield Problem(
            'NixOps would not find the AWS key: it is named by its ID, and the agents have no such key in the profile default.', at,
            expected=', '.join(sorted(map(shown, held))) or _written(profiles), found=shown(key), remedy=remedy,
            severity='error' if certain else 'warning',
        )
    else:
        yield Problem('The AWS key is named by its ID: when it is rotated, NixOps will not find it.', at, expected='the name of a profile',
                      found=shown(key), remedy=remedy, severity='warning')


def _written(profiles: Profiles) -> str:
    return ', '.join(sorted(profiles.secrets)) or 'no call of writeAWSSecret'
