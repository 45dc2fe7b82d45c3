# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates that a change has to pass: `python -m tests.gates` runs them all, `python -m tests.gates ruff sanity` some."""
