# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validates secrets on the controller, then has the module nixcd.hercules_ci.hci_secret put them where the agent finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..module_utils._problems import fail
from ..module_utils._secrets.aws_user import unknown_to_agents
from ..module_utils._secrets.options import HCI_SECRET, OF_SECRETS, VALUES_OF_SECRETS
from ..plugin_utils._networks.conditions import with_conditions
from ..plugin_utils._networks.provided import evaluated, named, refuse_unusable
from ..plugin_utils._networks.unasked import LookedUp, asked_for
from ..plugin_utils._private_action import PrivateAction
from ..plugin_utils._schemas import problems_in_secrets, without_null
from ..plugin_utils._variables import as_json, refuse_if_any, where_in

MOST_PLACES = 5
"""Named in one warning."""


class ActionModule(PrivateAction):
    MODULE = 'nixcd.hercules_ci.hci_secret'
    SPEC = HCI_SECRET
    PRIVATE = tuple(OF_SECRETS)
    SECRET = VALUES_OF_SECRETS

    _source = 'secrets'
    """What messages call the option secrets: the variable, where it names one."""
    _asked = LookedUp()

    def resolved(self, given: dict[str, Any]) -> dict[str, Any]:
        """With the secrets, or the data, of the variable that is named. Where that is not set, there are no secrets."""
        if isinstance(given.get('data'), str) and given['data'].isidentifier():
            data = evaluated(given['data'], self._variables, self._loader)
            if data is None:
                raise fail('This is neither a dictionary nor the name of a variable that is set.', where='data',
                           remedy='Give one of the two.')
            given = {**given, 'data': data}
        if not isinstance(given.get('secrets'), str):
            return given
        self._source = named('secrets', given['secrets'])
        value = evaluated(self._source, self._variables, self._loader)
        self._asked = asked_for(self._variables.get(self._source), self._variables)
        return {**given, 'secrets': {} if value is None else value}

    def payload(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The secrets by name."""
        if options['name'] is not None:
            return {options['name']: self._entry(options)}
        secrets = {name: without_null(entry) for name, entry in as_json(options['secrets'], self._source).items()}
        if options['state'] == 'absent':
            return {name: {} for name in secrets}
        refuse_if_any(self._source, options['secrets'], problems_in_secrets(secrets))
        self._warn_of_types(self._source, options['secrets'], secrets)
        opened = secrets if options['networks'] is None else self._for(options['networks'], secrets)
        return {name: unknown_to_agents(entry) for name, entry in opened.items()}

    def _for(self, networks: list[str], secrets: dict[str, Any]) -> dict[str, Any]:
        """Secrets that just these networks may use, where nothing else is said, and that have what their scripts read."""
        hostvars = self._variables['hostvars']
        opened = with_conditions(secrets, [hostvars[network] for network in networks])
        refuse_unusable(opened, networks, self._asked, self._variables)
        return opened

    def _entry(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """That of the secret which the option `name` names."""
        tagged = {field: options[field] for field in ('data', 'condition')}
        if options['state'] == 'absent':
            return {}
        entry: dict[str, Any] = without_null(as_json(tagged, ''))
        refuse_if_any('', tagged, ((path[1:], what) for path, what in problems_in_secrets({'': entry})))
        self._warn_of_types('', tagged, {None: entry})
        return entry

    def _warn_of_types(self, option: str, tagged: Any, secrets: Mapping[Any, Any]) -> None:
        """Warn of what is not text any more. That may be meant: JSON has numbers and booleans, too."""
        paths = [
            path if name is None else (name, *path)
            for name, entry in secrets.items() for path in not_text(entry.get('data'), ('data',))
        ]
        if paths:
            places = [where_in(option, tagged, path) for path in paths[:MOST_PLACES]]
            more = ['and %d more' % (len(paths) - MOST_PLACES)] * (len(paths) > MOST_PLACES)
            self._display.warning(
                'There are numbers or booleans in the data of secrets: %s. YAML and templates make them of text such as 0123456, 12:30, '
                '12e3 and yes. Where text is meant, put the value in quotes where it is written, also inside of templates; the filter '
                'string keeps what a template has as text.' % ', '.join([*places, *more]),
            )


def not_text(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Paths of all numbers and booleans in a value."""
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from not_text(child, (*path, key))
    elif isinstance(value, (bool, int, float)):
        yield path
