# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What boto3 and moto know of AWS' services, without working it out anew for each client, each request and each server of a test."""

from __future__ import annotations

import functools
import os
from typing import Any

from botocore.client import ClientCreator
from botocore.hooks import BaseEventHooks, EventAliaser
from botocore.loaders import JSONFileLoader
from moto.core import responses
from moto.server import DomainDispatcherApplication, create_backend_app


def _share(owner: type, method: str) -> None:
    """Let all objects of a class share what a method returns, which depends on nothing but its arguments."""
    original = getattr(owner, method)
    answers: dict[Any, Any] = {}

    def shared(self: Any, *arguments: Any) -> Any:
        if arguments not in answers:
            answers[arguments] = original(self, *arguments)
        return answers[arguments]

    setattr(owner, method, shared)


@functools.cache
def read_services_once() -> None:
    """Let all sessions of boto3 in this process share what each of them would read or look up, and all clients of a service their class."""
    _share(JSONFileLoader, 'load_file')
    _share(ClientCreator, '_load_service_model')
    _share(ClientCreator, '_create_client_class')
    _share(EventAliaser, '_alias_event_name')
    _share(BaseEventHooks, '_verify_accept_kwargs')


@functools.cache
def moto_application() -> DomainDispatcherApplication:
    """All of moto's services. What they hold is moto's own, and one for all applications."""
    os.environ['MOTO_EC2_LOAD_DEFAULT_AMIS'] = 'false'  # hundreds of images for each region, which no test asks for
    _share(DomainDispatcherApplication, 'get_backend_for_host')
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    return DomainDispatcherApplication(create_backend_app)
