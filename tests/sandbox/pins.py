# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tarballs of the stand-ins of nixpkgs and hercules-ci-effects, and the hashes that pin them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from tests.sandbox.wire import nix32

NIX = Path(__file__).parent / 'nix'
# Releases of nixpkgs to play, by the name of the pin: what its release.nix says. The real 22.11 and 23.05 have NixOps 1.7
# only for those who permit its insecure Python; from 25.11 on there is none.
RELEASES = {
    'nixpkgs-20.09': ('20.09', True, []),
    'nixpkgs-22.11': ('22.11', True, ['python-2.7.18.6']),
    'nixpkgs-25.11': ('25.11', False, []),
}
Files = dict[str, tuple[bytes, bool]]


def _files(folder: Path) -> Files:
    """Content of every file below a folder, and whether it may be executed, by relative path."""
    return {str(path.relative_to(folder)): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
            for path in sorted(folder.rglob('*')) if path.is_file() and '__pycache__' not in path.parts}


def _release(version: str, nixops: bool, insecure: list[str]) -> bytes:
    return ('{ version = "%s"; nixops = %s; insecure = [ %s ]; }\n' % (
        version, str(nixops).lower(), ' '.join('"%s"' % name for name in insecure))).encode()


def contents() -> dict[str, Files]:
    """Files of every pin."""
    nixpkgs = _files(NIX / 'nixpkgs')
    found = {'nixpkgs': nixpkgs, 'effects': _files(NIX / 'effects')}
    for name, release in RELEASES.items():
        found[name] = {**nixpkgs, 'release.nix': (_release(*release), False)}
    return found


def tarball(files: Files) -> bytes:
    """The same bytes for the same files, wherever and whenever it is made."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode='wb', mtime=0) as stream, \
            tarfile.open(fileobj=stream, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for path, (content, executable) in sorted(files.items()):
            entry = tarfile.TarInfo('source/%s' % path)
            entry.size, entry.mode, entry.mtime = len(content), 0o755 if executable else 0o644, 1
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _text(*parts: bytes) -> bytes:
    """Strings as they stand in a Nix archive: length, bytes, padding."""
    return b''.join(len(part).to_bytes(8, 'little') + part + b'\0' * (-len(part) % 8) for part in parts)


def _node(files: Files) -> bytes:
    """The archive of a folder; a key without a slash is a file in it."""
    children: dict[str, Files] = {}
    for path, file in files.items():
        first, _slash, rest = path.partition('/')
        children.setdefault(first, {})[rest] = file
    body = _text(b'(', b'type', b'directory')
    for name, below in sorted(children.items()):
        body += _text(b'entry', b'(', b'name', name.encode(), b'node')
        if '' in below:
            content, executable = below['']
            body += _text(b'(', b'type', b'regular', *([b'executable', b''] if executable else []), b'contents', content, b')')
        else:
            body += _node(below)
        body += _text(b')')
    return body + _text(b')')


def nix_hash(files: Files) -> str:
    """The hash that fetchTarball wants: SHA-256 of the Nix archive of the files, in Nix's base 32."""
    return nix32(hashlib.sha256(_text(b'nix-archive-1') + _node(files)).digest())


def make(data: Path) -> dict[str, dict[str, str]]:
    """Write the tarballs into the data folder: name to URL and sha256."""
    folder = data.resolve() / 'pins'
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, files in contents().items():
        path = folder / ('%s.tar.gz' % name)
        path.write_bytes(tarball(files))
        found[name] = {'url': path.as_uri(), 'sha256': nix_hash(files)}
    return found
