# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""How the modules that write files with secrets in them change the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .._files import real_path
from .._numbers import require_sensible_numbers
from .places import Place
from .private_file import change_file, group_number, mode_number, user_number


def change_as_asked(
    module: Any, place: Place, transform: Callable[[bytes | None], bytes | None], loses: Callable[[], bool] = bool,
) -> dict[str, Any]:
    """Make the file of a module with `FILE_OPTIONS` true; returns the part of its result that is about the file and who may read it.

    A file that is replaced keeps its SELinux label where the options do not set another one. loses: whether `transform` has left something
    out that nobody named, so that the file as it was is kept, whatever the options say.
    """
    options = module.params
    require_sensible_numbers(options)
    path = real_path(place.path)
    label = module.selinux_context(path) if os.path.lexists(path) else []
    wanted = [options[name] or old for name, old in zip(('seuser', 'serole', 'setype', 'selevel'), [*label, *[None] * (4 - len(label))])]
    owner = user_number(options['owner'] or place.user, check=module.check_mode)
    group = group_number(options['group'], check=module.check_mode)
    for kind, who in (('user', owner), ('group', group)):
        if isinstance(who, str):  # a name, of somebody whom an earlier task of the play would create
            module.warn('There is no %s %s yet. Another task has to create it before this one runs.' % (kind, who))
    change = change_file(
        path, transform, check=module.check_mode, backup=lambda: options['backup'] or loses(), lock_timeout=options['lock_timeout'],
        mode=place.mode if options['mode'] is None else mode_number(options['mode']), owner=owner, group=group,
    )
    if change.lost:
        module.warn('%s was replaced, and the new file does not take these extended attributes of the old one: %s.' % (
            place.path, ', '.join(change.lost)))
    changed = change.changed if change.after is None else module.set_context_if_different(path, wanted, change.changed)
    access = [access.as_dict() if access else {} for access in (change.access_before, change.access_after)]
    return {
        'changed': changed,
        'path': place.path,
        'diff': [diff_of(place.path, *access)] if access[0] != access[1] else [],
        **({'backup_file': change.backup} if change.backup else {}),
    }


def diff_of(path: str, before: Any, after: Any) -> dict[str, Any]:
    return {'before': before, 'after': after, 'before_header': path, 'after_header': path}
