# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A text in the quotes that nixpkgs and NixOps write in messages.
text: builtins.fromJSON ''"\u2018"'' + text + builtins.fromJSON ''"\u2019"''
