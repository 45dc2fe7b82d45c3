# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NixOps' state, in memory in the shape of an export: {UUID: {attribute: text, "resources": {name: {attribute: text}}}}."""

import fnmatch
import json
import os
import re
import sqlite3
import uuid

import record

LOCAL = os.path.expanduser('~/.nixops/deployments.nixops')
SCHEMA = '''
CREATE TABLE SchemaVersion(version integer not null);
CREATE TABLE Deployments(uuid text primary key);
CREATE TABLE DeploymentAttrs(deployment text not null, name text not null, value text not null, primary key(deployment, name));
CREATE TABLE Resources(id integer primary key autoincrement, deployment text not null, name text not null, type text not null);
CREATE TABLE ResourceAttrs(machine integer not null, name text not null, value text not null, primary key(machine, name));
INSERT INTO SchemaVersion VALUES (3);
'''


def find(state, wanted):
    """The UUID of the deployment that is meant, by NixOps' own order: its UUID or name, the begin of its UUID, the only one."""
    matches = [key for key, deployment in state.items() if not wanted or wanted in (key, deployment.get('name'))]
    matches = matches or [key for key in state if fnmatch.fnmatchcase(key, wanted + '*')]
    if not matches:
        raise SystemExit('Exception: could not find specified deployment in state file \u2018%s\u2019' % LOCAL)
    if len(matches) > 1:
        raise SystemExit('Exception: state file contains multiple deployments' + (
            ' with the same name, so you should specify one using its UUID' if wanted else
            ', so you should specify which one to use using \u2018-d\u2019, or set the environment variable NIXOPS_DEPLOYMENT'))
    return matches[0]


def load_export(text):
    """An export, whatever was found where one should be; errors as they end in Python, of which NixOps is made."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SystemExit('ValueError: No JSON object could be decoded' if not text.strip() else 'ValueError: %s' % error) from error
    if not isinstance(document, dict):
        raise SystemExit("AttributeError: '%s' object has no attribute 'iteritems'" % type(document).__name__)
    return document


def enter(state, key, attributes):
    """Enter a deployment of an export into a state."""
    if key in state:
        raise SystemExit('Exception: state file already contains a deployment with UUID \u2018%s\u2019' % key)
    if not isinstance(attributes, dict):
        raise SystemExit("AttributeError: '%s' object has no attribute 'iteritems'" % type(attributes).__name__)
    if not isinstance(attributes.get('resources'), dict):
        raise SystemExit("KeyError: 'resources'")
    for resource in attributes['resources'].values():
        if 'type' not in resource:
            raise SystemExit('Exception: imported resource lacks a type')
    state[key] = attributes
    record.tell('imported', key, attributes)


def create(state, name):
    """A new deployment. As in NixOps it is there already when its name turns out to be impossible."""
    key = str(uuid.uuid1())
    state[key] = {'resources': {}}
    if name and not re.match(r'^[a-zA-Z_\-][a-zA-Z0-9_\-\.]*$', name):
        raise SystemExit('Exception: invalid deployment name \u2018%s\u2019' % name)
    if name:
        state[key]['name'] = name
    record.tell('created', key, state[key])
    return key


def export_text(state, generation):
    """As NixOps prints it; version 1.7 wrote a blank after each comma at the end of a line."""
    return json.dumps(state, indent=2, sort_keys=True, separators=((', ' if generation == 1 else ','), ': '))


def read_database(path):
    connection = sqlite3.connect(path)
    state = {key: {'resources': {}} for key, in connection.execute('SELECT uuid FROM Deployments')}
    for key, name, value in connection.execute('SELECT * FROM DeploymentAttrs'):
        state[key][name] = value
    for number, key, name, kind in connection.execute('SELECT * FROM Resources ORDER BY id').fetchall():
        attributes = dict(connection.execute('SELECT name, value FROM ResourceAttrs WHERE machine = ?', (number,)))
        state[key]['resources'][name] = dict(attributes, type=kind)
    connection.close()
    return state


def write_database(path, state):
    if os.path.exists(path):
        os.remove(path)
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for key, deployment in state.items():
        connection.execute('INSERT INTO Deployments VALUES (?)', (key,))
        attributes = [(key, name, value) for name, value in deployment.items() if name != 'resources']
        connection.executemany('INSERT INTO DeploymentAttrs VALUES (?, ?, ?)', attributes)
        for name, resource in deployment['resources'].items():
            values = (key, name, resource['type'])
            row = connection.execute('INSERT INTO Resources(deployment, name, type) VALUES (?, ?, ?)', values).lastrowid
            attributes = [(row, item, value) for item, value in resource.items() if item != 'type']
            connection.executemany('INSERT INTO ResourceAttrs VALUES (?, ?, ?)', attributes)
    connection.commit()
    connection.close()


class Local:
    """The database below the home directory, as NixOps 1.x has it. What a failing command changed is kept."""

    def __init__(self, _writes):
        self.state = read_database(LOCAL) if os.path.exists(LOCAL) else {}

    def __enter__(self):
        return self.state

    def __exit__(self, *_exception):
        os.makedirs(os.path.dirname(LOCAL), exist_ok=True)
        write_database(LOCAL, self.state)
