#!/usr/bin/env bash
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Run all scenarios, and take their machines down however that ends, also by a signal: in a session of its own (setsid), because who runs
# this may kill a group of processes before it has cleaned up.
set -euo pipefail

take_down() {
  local hosts
  for hosts in ~/.ansible/tmp/molecule.*/hosts; do tests/hosts/hosts.sh down "$hosts"; done
}

stop() {
  trap '' TERM INT HUP
  kill -- "-$$"
  wait
  exit 1
}

trap take_down EXIT
trap stop TERM INT HUP
molecule test "${@:---all}" &
wait "$!"
