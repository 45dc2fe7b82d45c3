# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A stand-in of hercules-ci-effects: the functions and what they ask of their callers.
final: _: { effects = import ./default.nix final; }
