# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What Hercules CI knows about networks that use an access key: jobs, deployments, and the regions of their machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone

from ...module_utils._files import hidden_file
from ...module_utils._hercules_ci.client import Client, connect
from ...module_utils._hercules_ci.jobs import Job, list_jobs
from ...module_utils._hercules_ci.state import StateFiles
from ...module_utils._jobs.effects import get_evaluation
from ...module_utils._nixops.sources import from_server
from ...module_utils._problems import Failure
from .._aws.step import Answer, Jobs
from .._networks.network import Network
from .._networks.outcome import is_effect_of

KNOWN_CLOCK = timedelta(seconds=5)
UNKNOWN_CLOCK = timedelta(minutes=5)
"""By how much clocks may differ of which nothing is known."""
LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
"""When a job began that runs and does not say when: what it may have been given is not taken from it."""
LOOKED_AT = 200
"""How many of a project's jobs."""


def jobs_of(networks: Sequence[Network], since: datetime | None, now: Callable[[], datetime]) -> Answer:
    """What runs, and what has deployed the networks by jobs that began after a time.

    since: on AWS' clock; None where deployments do not matter. now: asks that clock. Raises Failure where Hercules CI does not answer.
    """
    starts: list[datetime] = []
    deployed: dict[str, datetime | None] = {network.name: None for network in networks}
    tolerance = KNOWN_CLOCK
    for project in sorted({network.project for network in networks}):
        members = [network for network in networks if network.project == project]
        client = connect(members[0].connection())
        jobs = list_jobs(client, members[0].project_path, limit=LOOKED_AT)
        behind = _behind(client, now())
        tolerance = max(tolerance, KNOWN_CLOCK if behind is not None else UNKNOWN_CLOCK)
        begun = {job.id: _time(job.start_time, behind or timedelta()) for job in jobs}
        starts += [begun[job.id] or LONG_AGO for job in jobs if not job.ended]
        if since is not None:
            done = [job for job in jobs if job.succeeded and job.type != 'Config' and (begun[job.id] or since) > since]
            deployed.update(_deployed(client, members, done, begun))
    return Answer(Jobs(min(starts, default=None), deployed), tolerance)


def _deployed(
    client: Client, networks: Iterable[Network], jobs: Iterable[Job], begun: Mapping[str, datetime | None],
) -> Iterator[tuple[str, datetime | None]]:
    """When the newest of these jobs began that has deployed each network. jobs: the newest first."""
    left = {network.name for network in networks}
    for job in jobs:
        if not left:
            return
        effects = get_evaluation(client, job).effects
        for name in sorted(name for name in left if any(is_effect_of(effect, name) for effect in effects)):
            left.discard(name)
            yield name, begun[job.id]


def _behind(client: Client, now: datetime) -> timedelta | None:
    """By how much the clock of Hercules CI is behind that of AWS; None where it does not say what time it is."""
    there = client.clock()
    return None if there is None else now - there


def _time(text: str, behind: timedelta) -> datetime | None:
    """A time of Hercules CI, with up to twelve digits of a second, on AWS' clock."""
    try:
        return datetime.fromisoformat(text.rstrip('Z').partition('.')[0]).replace(tzinfo=timezone.utc) + behind
    except ValueError:
        return None


def regions_of(networks: Iterable[Network]) -> set[str]:
    """The regions of AWS in which the states of networks have something; of a state that cannot be read, none."""
    found: set[str] = set()
    for network in networks:
        try:
            files = StateFiles(connect(network.connection()), network.project_path)
            versions = files.files().get(network.state_name)
            if not versions:
                continue
            with hidden_file() as file:
                for entry in from_server(files, network.state_name, versions[-1], file).entries():
                    found |= {entry.attributes[name] for name in ('ec2.region', 'region') if _is_region(entry.attributes.get(name))}
        except Failure:
            continue
    return found


def _is_region(text: str | None) -> bool:
    return bool(text) and str(text).count('-') >= 2 and str(text)[-1].isdigit()
