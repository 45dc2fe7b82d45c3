# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NixOps' state, in memory in the shape of an export: {UUID: {attribute: text, "resources": {name: {attribute: text}}}}."""

import json
import os
import sqlite3

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
    """The UUID of the deployment that is meant, by NixOps' own order."""
    matches = [key for key, deployment in state.items() if wanted in (key, deployment.get('name'))]
    matches = matches or [key for key in state if wanted and key.startswith(wanted)]
    if not wanted and len(state) == 1:
        matches = list(state)
    if len(matches) != 1:
        raise SystemExit('Exception: could not find specified deployment in state file \u2018%s\u2019' % LOCAL)
    return matches[0]


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
