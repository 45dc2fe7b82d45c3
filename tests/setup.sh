#!/usr/bin/env bash
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Make what `make test` and `make demo` need, from nothing: links to the Python versions that really run (.cache/python), the
# tools (.venv, and nox in .cache/nox, from PyPI) and Debian's programs (installed as root, else unpacked into .cache/debian). Run again it only adds
# what is missing.
#
# setup.sh ENVIRONMENT REQUIREMENT... then installs into another environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:$PWD/.cache/debian/bin

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Every Python on PATH and of pyenv that runs, by its version. pyenv's own shims answer for each version and then refuse to run most of them.
link_pythons() {
  local directory python version pythons=.cache/python
  mkdir -p "$pythons"
  find "$pythons" -type l -delete
  local IFS=:
  for directory in $PATH "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin; do
    [[ $directory == */shims ]] && continue
    for python in "$directory"/python3{.9,.10,.11,.12,.13,.14,}; do
      [[ -x $python && ! -e $pythons/${python##*/} ]] || continue
      version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
      [[ $version == 3.[0-8] || -e $pythons/python$version ]] || ln -s "$python" "$pythons/python$version"
    done
  done
}

# PROGRAM:PACKAGE for each program that Debian brings. Those of the first list run from any folder; the third is for root only: booted
# hosts, and a browser to look at reports.
movable_programs=(nix-instantiate:nix-bin openssl:openssl shellcheck:shellcheck ssh-keygen:openssh-client)
programs=(git:git)
host_programs=(ip:iproute2 mmdebstrap:mmdebstrap systemd-nspawn:systemd-container chromium:chromium)

# missing PROGRAM:PACKAGE...: the packages of what is not here
missing() {
  local pair
  for pair; do
    command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair##*:}"
  done
}

missing_packages() {
  missing "${movable_programs[@]}" "${programs[@]}"
  [[ $(id -u) != 0 ]] || missing "${host_programs[@]}"
  # The keys of Debian, without which the booted hosts cannot be made on another distribution.
  [[ $(id -u) != 0 || -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || echo debian-archive-keyring
  { [[ -n $python ]] && "$python" -c 'import ensurepip, venv' 2>/dev/null; } || echo python3-venv
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }

install_packages() {
  local package
  say "installing from Debian: $*"
  apt-get update -qq || true
  # All at once is faster, but apt-get installs none where one is not to be had (Ubuntu has no chromium).
  apt_install "$@" || for package; do apt_install "$package" || true; done
}

# What may not be installed runs from a folder of ours just as well, once it is told where its libraries and helpers are.
unpack_packages() {
  local folder=$PWD/.cache/debian file libraries
  local apt=(apt-get -qq -o Debug::NoLocking=true -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder")
  say "unpacking from Debian into .cache/debian: $*"
  mkdir -p "$folder"/{lists,archives}/partial "$folder/bin"
  "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends --download-only "$@" >/dev/null || return
  for file in "$folder"/archives/*.deb; do dpkg-deb --extract "$file" "$folder"; done
  libraries=$(find "$folder" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
  for file in "$folder"/usr/bin/*; do
    printf '#!/usr/bin/env bash\nLD_LIBRARY_PATH=%q NIX_LIBEXEC_DIR=%q exec %q "$@"\n' "$libraries" "$folder/usr/libexec" "$file" \
      >"$folder/bin/${file##*/}"
  done
  chmod +x "$folder"/bin/*
  rm -rf "$folder"/{lists,archives,pkgcache.bin,srcpkgcache.bin}
}

install_programs() {
  local packages movable
  mapfile -t packages < <(missing_packages)
  mapfile -t movable < <(missing "${movable_programs[@]}")
  if command -v apt-get >/dev/null; then
    if [[ ${#packages[@]} -gt 0 && $(id -u) == 0 ]]; then
      install_packages "${packages[@]}"
    elif [[ ${#movable[@]} -gt 0 ]]; then
      unpack_packages "${movable[@]}" || true
    fi
    link_pythons
    choose_python
    mapfile -t packages < <(missing_packages)
  fi
  [[ ${#packages[@]} -gt 0 ]] || return 0
  say "not here, and to be installed by root: ${packages[*]}"
  say "  on Debian: sudo apt-get install ${packages[*]}"
  say '  on NixOS:  nix-shell -p git nix openssl shellcheck openssh python311 ruff'
  case " ${packages[*]} " in
    *' git '* | *' python3-venv '*) die 'Without git and a Python 3.11 to 3.13 that has venv nothing works here.' ;;
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

# Programs that PyPI brings ready-made run on most machines (not on NixOS): then one from PATH is taken, if there is any.
remove_what_does_not_start() {
  ".venv/bin/$1" --version &>/dev/null || rm -f ".venv/bin/$1"
}

# install_into ENVIRONMENT REQUIREMENT...
install_into() {
  # uv takes seconds where pip takes a minute, but its settings are not pip's.
  # It is to trust whom this machine trusts; the variable has had two names.
  if [[ ! -e .venv/bin/uv ]] || ! UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 .venv/bin/uv pip install --quiet --python "$1/bin/python" "${@:2}"; then
    say "uv cannot install the tools into $1: taking pip"
    .venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1' # an older one knows no groups
    .venv/bin/python -m pip --python "$1/bin/python" install --quiet "${@:2}"
  fi
}

install_tools() {
  [[ -x .venv/bin/python ]] || "$python" -m venv .venv
  [[ -x .cache/nox/bin/python ]] || "$python" -m venv --without-pip .cache/nox
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv || true
  remove_what_does_not_start uv
  install_into .venv --requirement meta/ee-requirements.txt --group pyproject.toml:test --group pyproject.toml:lint --group pyproject.toml:hosts
  install_into .cache/nox --group pyproject.toml:nox
  # None of the programs runs for long, and a short run of ansible-playbook spends an eighth of its time on garbage.
  echo 'import gc; gc.disable()' >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/no_garbage_collection.pth"
  remove_what_does_not_start ruff
}

if (($#)); then
  install_into "$@"
  exit
fi
link_pythons
choose_python
install_programs
install_tools
# Tests that meet a store without a database, several at once, find each other's half of it. Without the right to write there is no need.
nix-store --init 2>/dev/null || true
say "ready: $(.venv/bin/ansible --version | sed -n 1p) on $(.venv/bin/python --version)"
