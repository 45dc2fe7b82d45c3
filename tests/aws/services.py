# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What boto3 and moto know of AWS' services, without reading megabytes of it for each session and each server of a test."""

from __future__ import annotations

import functools
import os
from typing import Any

from botocore.loaders import JSONFileLoader
from moto.server import DomainDispatcherApplication, create_backend_app

_load = JSONFileLoader.load_file


@functools.cache
def _content(path: str) -> Any:
    return _load(JSONFileLoader(), path)


def read_services_once() -> None:
    """Let all sessions of boto3 in this process share what each of them would read."""
    JSONFileLoader.load_file = lambda _loader, path: _content(path)


@functools.cache
def moto_application() -> DomainDispatcherApplication:
    """All of moto's services. What they hold is moto's own, and one for all applications."""
    os.environ['MOTO_EC2_LOAD_DEFAULT_AMIS'] = 'false'  # hundreds of images for each region, which no test asks for
    return DomainDispatcherApplication(create_backend_app)
