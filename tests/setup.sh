#!/usr/bin/env bash
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Make what `make test` and `make demo` need, from nothing: links to the Python versions that really run (.cache/python), the
# tools (.venv, from PyPI) and Debian's programs (apt, as root). Run again it only adds what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Every pythonX.Y on PATH and of pyenv that runs. pyenv's own shims answer for each version and then refuse to run most of them.
link_pythons() {
  local directory python pythons=.cache/python
  mkdir -p "$pythons"
  find "$pythons" -type l -delete
  local IFS=:
  for directory in $PATH "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin; do
    [[ $directory == */shims ]] && continue
    for python in "$directory"/python3.{9,10,11,12,13,14}; do
      [[ -x $python && ! -e $pythons/${python##*/} ]] || continue
      "$python" -c '' 2>/dev/null && ln -s "$python" "$pythons/${python##*/}"
    done
  done
}

# PROGRAM:PACKAGE for each program that Debian brings. The second list is for root only: booted hosts, and a browser to look at reports.
programs=(git:git nix-instantiate:nix-bin openssl:openssl shellcheck:shellcheck ssh-keygen:openssh-client)
host_programs=(ip:iproute2 mmdebstrap:mmdebstrap systemd-nspawn:systemd-container chromium:chromium)

# The Debian packages of what is not here.
missing_packages() {
  local pair wanted=("${programs[@]}")
  [[ $(id -u) != 0 ]] || wanted+=("${host_programs[@]}")
  for pair in "${wanted[@]}"; do
    command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair##*:}"
  done
  # The keys of Debian, without which the booted hosts cannot be made on another distribution.
  [[ $(id -u) != 0 || -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || echo debian-archive-keyring
  { [[ -n $python ]] && "$python" -c 'import ensurepip, venv' 2>/dev/null; } || echo python3-venv
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }

install_programs() {
  local packages package
  mapfile -t packages < <(missing_packages)
  if [[ ${#packages[@]} -gt 0 && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing from Debian: ${packages[*]}"
    apt-get update -qq || true
    # All at once is faster, but apt-get installs none where one is not to be had (Ubuntu has no chromium).
    apt_install "${packages[@]}" || for package in "${packages[@]}"; do apt_install "$package" || true; done
    link_pythons
    choose_python
    mapfile -t packages < <(missing_packages)
  fi
  [[ ${#packages[@]} -gt 0 ]] || return 0
  say "not here, and to be installed by root: ${packages[*]}"
  say "  on Debian: sudo apt-get install ${packages[*]}"
  say '  on NixOS:  nix-shell -p git nix openssl shellcheck openssh python311'
  case " ${packages[*]} " in
    *' git '* | *' nix-bin '* | *' python3-venv '*) die 'Without git, Nix and a Python 3.11 to 3.13 that has venv nothing works here.' ;;
    *) say 'Gates that need them are skipped.' ;;
  esac
}

# ansible-core 2.19 needs Python 3.11 or newer; 3.11 comes first because it runs the three oldest supported versions too.
choose_python() {
  local version
  for version in 3.11 3.12 3.13; do
    python=$(readlink -f ".cache/python/python$version" || true)
    [[ ! -x $python ]] || return 0
  done
  python=
}

install_tools() {
  [[ -x .venv/bin/python ]] || "$python" -m venv .venv
  local wanted=(--requirement meta/ee-requirements.txt --group pyproject.toml:test --group pyproject.toml:lint --group pyproject.toml:hosts)
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv || true
  # uv takes seconds where pip takes a minute, but its program does not start everywhere (on NixOS), and its settings are not pip's.
  # It is to trust whom this machine trusts; the variable has had two names.
  if ! UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 .venv/bin/uv pip install --quiet --python .venv/bin/python "${wanted[@]}"; then
    say 'uv cannot install the tools here: taking pip'
    .venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
    .venv/bin/python -m pip install --quiet "${wanted[@]}"
  fi
}

link_pythons
choose_python
install_programs
install_tools
# Tests that meet a store without a database, several at once, find each other's half of it. Without the right to write there is no need.
nix-store --init 2>/dev/null || true
version=$(.venv/bin/ansible --version)
say "ready: ${version%%$'\n'*} on $(.venv/bin/python --version)"
