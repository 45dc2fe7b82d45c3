# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A stand-in of hercules-ci-effects: its functions take what the real ones take, and refuse what they refuse. See README.md beside it.
final: _: { effects = import ./functions.nix final; }
