# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Do the secrets on the agents fit the networks that use them? Every answer at once, before anything is changed.

At run time hardly anybody would tell: an agent says `does not exist or access was denied` for half of this, a script that finds no field
in a secret writes `null` and goes on, and a condition that is too wide is never noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ...module_utils import _json_text as json_text
from ...module_utils._problems import Problem, errors_of
from ...module_utils._refs import HEADS, TAGS, branch_of, branch_ref
from ...module_utils._secrets import condition
from ...module_utils._secrets.aws import KEY_FIELDS
from ...module_utils._secrets.aws_user import is_owned
from ...module_utils._secrets.condition import Condition, JobContext
from ...module_utils._secrets.scripts import SecretUse, uses_in
from .network import Network
from .unasked import UNKNOWN, LookedUp

Place = Callable[..., str]
"""Where something is, for people: called with a host, the name of its variable and keys into that."""

# Names that nothing has. What a condition lets the one do, it lets all do that it does not name; the other is a default branch.
ANY = '*'
DEFAULT = '?'


@dataclass(frozen=True)
class KnownSecret:
    """What an audit may know of a secret.

    fields: of its data, None where they are not known. condition: None where there is none. blank: places in the data without a value.
    condition_known: not where only a lookup knows it; it is taken for the one that would be derived then.
    """

    fields: frozenset[str] | None
    condition: Condition | None
    blank: frozenset[json_text.Path] = frozenset()
    condition_known: bool = True

    @property
    def is_open(self) -> bool:
        """Whether there is no condition, as far as known."""
        return self.condition is None and self.condition_known


Agents = Mapping[str, Mapping[str, KnownSecret]]
"""Host → name → secret."""


def secrets_of(entries: Mapping[str, Mapping[str, Any]], derived: Mapping[str, Condition]) -> dict[str, KnownSecret]:
    """Secrets as they will be on an agent. entries: name → data and condition, valid. derived: what stands in for a missing condition."""
    return {
        name: KnownSecret(
            None if UNKNOWN in (entry.get('data') or ()) else frozenset((*(entry.get('data') or ()), *KEY_FIELDS * is_owned(entry))),
            derived.get(name) if entry.get('condition') in (None, UNKNOWN) else entry['condition'],
            frozenset(path for path, value in json_text.walk(entry.get('data') or {}) if _is_blank(value)),
            entry.get('condition') != UNKNOWN,
        )
        for name, entry in entries.items()
    }


def _is_blank(value: Any) -> bool:
    """Whether this is what comes out where there is nothing, such as a lookup of an environment variable that is not set."""
    return value is None or (isinstance(value, str) and not value.strip())


def audit(networks: Sequence[Network], agents: Agents, default_branches: Mapping[str, str], place: Place | None = None) -> list[Problem]:
    """All that is wrong between networks and agents; warnings are what works but is not as it should be.

    default_branches: of OWNER/REPOSITORY, as far as known. Without agents nothing is said about what they lack.
    """
    where = place or _place
    problems: list[Problem] = []
    for network in networks:
        default = default_branches.get('%s/%s' % (network.owner, network.repository))
        for key, name in network.secrets.items():
            problems += _availability(name, agents, where(network.name, 'nixops_secrets_map', key))
            problems += _refusals(network, name, agents, default, where(network.name, 'nixops_secrets_map', key))
        for script, use in _uses(network):
            problems += _script_use(network, use, agents, where(network.name, script))
    for name in sorted({name for secrets in agents.values() for name in secrets}):
        problems += _width(name, networks, agents, default_branches, where)
        problems += _blanks(name, networks, agents, where)
    return problems


def field_problems(networks: Sequence[Network], agents: Agents) -> Iterator[Problem]:
    """Fields that scripts read and that the secrets, where an agent has them, do not have or have no value of."""
    for network in networks:
        for script, use in _uses(network):
            if use.secret in network.secrets:
                yield from _script_use(network, use, agents, _place(network.name, script))


def access_problems(networks: Sequence[Network], agents: Agents, asked: LookedUp) -> Iterator[Problem]:
    """What an audit would have said of secrets that networks name, had it known what was asked since."""
    for network in networks:
        for key, name in network.secrets.items():
            where = _place(network.name, 'nixops_secrets_map', key)
            lacking = [host for host, secrets in agents.items() if name not in secrets] if asked.all else []
            if lacking:
                yield Problem('The agent does not get the secret %s, and an effect runs on any agent.' % name, where=where,
                              expected='%s in nixops_agent_secrets of every agent' % name, found='missing on %s' % ', '.join(lacking),
                              remedy='Add the secret where the lookup finds it, or correct the name.')
            if asked.all or name in asked.conditions:
                yield from errors_of(_refusals(network, name, agents, None, where))


def _uses(network: Network) -> Iterator[tuple[str, SecretUse]]:
    """What the scripts of a network do with secrets, each once, after the name of the script."""
    yield from (('nixops_function', use) for use in network.own_uses)
    for script, text in network.scripts.items():
        yield from ((script, use) for use in dict.fromkeys(uses_in(text)))


def _place(host: str, variable: str, *keys: Any) -> str:
    return '%s of %s' % (variable + ''.join('[%r]' % key for key in keys), host)


def _availability(name: str, agents: Agents, where: str) -> Iterator[Problem]:
    lacking = [host for host, secrets in agents.items() if name not in secrets]
    if lacking:
        yield Problem(
            'No agent has the secret %s.' % name if len(lacking) == len(agents)
            else 'The secret %s is not on every agent, and an effect runs on any.' % name,
            where=where, expected='%s in nixops_agent_secrets of every agent' % name, found='missing on %s' % ', '.join(sorted(lacking)),
            remedy='Add the secret, or correct the name.',
        )


def _refusals(network: Network, name: str, agents: Agents, default: str | None, where: str) -> Iterator[Problem]:
    for ref in network.refs:
        for given, hosts in _by_condition(name, agents):
            answers = {condition.allows(given, job) for job in _jobs_of(network, ref, default)}
            if False in answers:
                yield Problem(
                    'The condition of the secret %s %s %s.' % (
                        name, 'lets in only the default branch, and it is not known whether that is' if True in answers else 'refuses',
                        _ref_in_words(ref),
                    ),
                    where=where, expected='a condition that lets in %s of %s/%s' % (_ref_in_words(ref), network.owner, network.repository),
                    found='%s, on %s' % (condition.in_words(given), hosts),
                    remedy='Widen the condition by this, or leave it out to have it derived.',
                    severity='warning' if True in answers else 'error',
                )


def _jobs_of(network: Network, ref: Condition, default: str | None) -> list[JobContext]:
    """Jobs that stand for all those that deploy the network under `ref`: one for each thing that is not known about them."""
    if isinstance(ref, dict):
        branch = ref['isBranch']
        defaults = [default] if default is not None else [branch, ANY]
        return [JobContext(network.owner, network.repository, branch_ref(branch), name) for name in defaults]
    if ref == 'isDefaultBranch':
        return [JobContext(network.owner, network.repository, branch_ref(default or ANY), default or ANY)]
    return [JobContext(network.owner, network.repository, (TAGS if ref == 'isTag' else HEADS) + ANY, default or '')]


def _ref_in_words(ref: Condition) -> str:
    return 'any ref' if ref is True else condition.in_words(ref)


def _script_use(network: Network, use: SecretUse, agents: Agents, where: str) -> Iterator[Problem]:
    if use.secret is None or use.secret in {*network.tokens, 'hercules-ci'}:  # the service itself gives these out
        return
    if use.secret not in network.secrets:
        yield Problem(
            '%s reads a secret that the effect does not get: %s.' % (use.function, use.secret), where=where,
            expected='a key of nixops_secrets_map', found=', '.join(sorted(network.secrets)) or 'no key at all',
            remedy='Add it to nixops_secrets_map, or correct the name in the script.',
        )
        return
    name = network.secrets[use.secret]
    known = {host: secrets[name].fields for host, secrets in agents.items() if name in secrets}
    for field in use.fields:
        lacking = sorted(host for host, fields in known.items() if fields is not None and field not in fields)
        if lacking:
            yield Problem(
                '%s needs the field %s of the secret %s, which has none.' % (use.function, field, name), where=where,
                expected='a field %s in the data' % field, found='no such field on %s' % ', '.join(lacking),
                remedy='Add the field.' + (' Nothing else would tell: the script would go on with null.' if use.goes_on else ''),
            )
        blank = sorted(host for host, secrets in agents.items() if name in secrets and (field,) in secrets[name].blank)
        if blank:
            yield Problem(
                '%s needs the field %s of the secret %s, which is empty.' % (use.function, field, name), where=where,
                expected='a value of %s' % field, found='blank text or null on %s' % ', '.join(blank), remedy=BLANK,
            )


BLANK = 'Give the field a value. Look at what it is taken from: a lookup of an environment variable that is not set is empty text.'


def _blanks(name: str, networks: Sequence[Network], agents: Agents, where: Place) -> Iterator[Problem]:
    """Warnings about data without a value that no script is known to read."""
    read = {
        (field,) for network in networks for _script, use in _uses(network)
        if use.secret is not None and network.secrets.get(use.secret) == name for field in use.fields
    }
    found: dict[json_text.Path, list[str]] = {}
    for host, secrets in sorted(agents.items()):
        for path in sorted(secrets[name].blank - read, key=repr) if name in secrets else ():
            found.setdefault(path, []).append(host)
    for path, hosts in found.items():
        yield Problem(
            'A field of the secret %s is empty.' % name, where=where(hosts[0], 'nixops_agent_secrets', name, 'data', *path),
            found='blank text or null on %s' % ', '.join(hosts), remedy=BLANK, severity='warning',
        )


def _width(name: str, networks: Sequence[Network], agents: Agents, default_branches: Mapping[str, str], where: Place) -> Iterator[Problem]:
    """Warnings about a secret that no network uses, and about conditions that let in more than its users."""
    users = [user for network in networks if name in network.secrets.values() for user in network.users()]
    hosts = sorted(host for host, secrets in agents.items() if name in secrets)
    if not users:
        kept = [host for host in hosts if not agents[host][name].is_open]  # of the others, an error says the same and more
        if kept:
            yield Problem(
                'No network uses the secret %s.' % name, where=where(kept[0], 'nixops_agent_secrets', name),
                found='on %s' % ', '.join(kept), remedy='Remove it from the agents if nothing else needs it.', severity='warning',
            )
        return
    for given, on in _by_condition(name, agents):
        excess = _excess(given, users, default_branches)
        if excess:
            yield Problem(
                'The condition of the secret %s lets in more than the networks that use it.' % name,
                where=where(hosts[0], 'nixops_agent_secrets', name, 'condition'), found='also %s, on %s' % (', '.join(excess[:5]), on),
                expected='only %s' % condition.in_words(condition.for_users(users)),
                remedy='Narrow the condition, or leave it out to have it derived.', severity='warning',
            )


def _by_condition(name: str, agents: Agents) -> list[tuple[Condition | None, str]]:
    """The conditions that agents have for a secret, mostly one, and the hosts."""
    found: dict[bytes, tuple[Condition | None, list[str]]] = {}
    for host, secrets in sorted(agents.items()):
        if name in secrets:
            given = secrets[name].condition
            found.setdefault(json_text.render(given), (given, []))[1].append(host)
    return [(given, ', '.join(hosts)) for given, hosts in found.values()]


def _excess(given: Condition | None, users: Iterable[tuple[str, str, Condition]], default_branches: Mapping[str, str]) -> list[str]:
    """Jobs, in words, that the condition lets in and that are no user's; the widest of them only.

    A condition cannot tell names apart that it does not mention, so one name that nothing has stands for all of those.
    """
    users = list(users)
    repositories = {(owner, repository) for owner, repository, _ref in users}
    named = [part for _path, part in json_text.walk(given) if isinstance(part, dict)]
    owners = {ANY} | {owner for owner, _repository in repositories} | {part['isOwner'] for part in named if 'isOwner' in part}
    names = {ANY} | {repository for _owner, repository in repositories} | {part['isRepo'] for part in named if 'isRepo' in part}
    branches = {ANY, DEFAULT, *default_branches.values()} | {part['isBranch'] for part in named if 'isBranch' in part}
    refs = [*map(branch_ref, branches), TAGS + ANY]
    unknown = {(owner, repository): '' if (owner, repository) in repositories else DEFAULT for owner, repository in product(owners, names)}
    jobs = [
        JobContext(owner, repository, ref, default_branches.get('%s/%s' % (owner, repository), default))
        for (owner, repository), default in unknown.items() for ref in refs
    ]
    excess = [job for job in jobs if condition.allows(given, job) and not any(_is_user(job, user) for user in users)]
    return sorted(_job_in_words(job) for job in excess if not any(other != job and _covers(other, job) for other in excess))


def _is_user(job: JobContext, user: tuple[str, str, Condition]) -> bool:
    return user[:2] == job[:2] and condition.allows(user[2], job)


def _covers(wide: JobContext, narrow: JobContext) -> bool:
    return wide.owner in (ANY, narrow.owner) and wide.repository in (ANY, narrow.repository) and wide.ref in (
        narrow.ref, branch_ref(ANY) if narrow.ref.startswith(HEADS) else narrow.ref,
    )


def _job_in_words(job: JobContext) -> str:
    special = {ANY: 'any branch', DEFAULT: 'the default branch'}
    branch = branch_of(job.ref)
    ref = 'any tag' if job.ref.startswith(TAGS) else special.get(branch, 'branch %s' % branch)
    repository = 'any repository' if job.repository == ANY else 'repository %s' % job.repository
    return '%s of %s of %s' % (ref, repository, 'any owner' if job.owner == ANY else job.owner)
