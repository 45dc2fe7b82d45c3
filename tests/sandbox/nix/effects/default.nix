# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Without the overlay.
{ pkgs }:
rec {
  effects = hci-effects;
  hci-effects = import ./functions.nix pkgs;
  inherit (hci-effects) modules;
}
