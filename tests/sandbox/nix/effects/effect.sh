# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the phases of an effect, whose scripts are in the environment, where Nix has put them.
# shellcheck shell=bash disable=SC2154
set -e

for directory in $toolPath; do PATH="$directory:$PATH"; done
export PATH HOME="$NIX_BUILD_TOP/home" PYTHONDONTWRITEBYTECODE=1
mkdir -p "$HOME/.ssh"
cd "$NIX_BUILD_TOP"

getStateFile() { python3 "$stateTool" get "$1" "${2:-$1}"; }
putStateFile() { python3 "$stateTool" put "$1" "${2:-$1}"; }
readSecretString() { python3 "$stateTool" secret-string "$1" "$2"; }
readSecretJSON() { python3 "$stateTool" secret-json "$1" "$2"; }

writeAWSSecret() {
  mkdir -p ~/.aws
  cat >>~/.aws/credentials <<EOF

[${2:-default}]
aws_access_key_id = $(readSecretString "${1:-aws}" .aws_access_key_id)
aws_secret_access_key = $(readSecretString "${1:-aws}" .aws_secret_access_key)
EOF
}

writeSSHKey() {
  local key="${2:-$HOME/.ssh/id_rsa}"
  mkdir -p "$(dirname "$key")"
  readSecretString "${1:-ssh}" .privateKey >"$key"
  chmod 0400 "$key"
  readSecretString "${1:-ssh}" .publicKey >"$key.pub" || {
    echo >&2 "there is no public key for $key"
    rm -f "$key.pub"
  }
}

writeGPGKey() { readSecretString "${1:-gpg}" .privateKey >"$HOME/gpg-key"; }

writeDockerKey() {
  local directory="${2:-$HOME/.docker}"
  mkdir -p "$directory"
  readSecretString "${1:-docker}" .clientKey >"$directory/key.pem"
  readSecretString "${1:-docker}" .clientCertificate >"$directory/cert.pem"
  readSecretString "${1:-docker}" .CACertificate >"$directory/ca.pem"
}

useDockerHost() { export DOCKER_HOST="tcp://$1:${2:-2376}" DOCKER_TLS_VERIFY=1; }

# The scripts of a phase, between its hooks.
phase() {
  local before="pre$1" after="post$1"
  eval "${!before}"
  eval "${!2}"
  eval "${!after}"
}

putState() {
  test -z "$stateIsPut" || return 0
  stateIsPut=1
  phase PutState putStateScript
}

stateIsFetched='' stateIsPut=''
failed() {
  local code=$?
  trap - EXIT
  if test $code != 0 && test -n "$stateIsFetched" && test -z "$stateIsPut"; then
    echo >&2 "uploading state files after the failure"
    putState || true
  fi
  exit $code
}
trap failed EXIT

phase Init initScript
if test -z "$dontUnpack"; then
  cp -r "$src" source
  chmod -R u+w source
  cd source
fi
phase GetState getStateScript
stateIsFetched=1
phase UserSetup userSetupScript
eval "$prePriorCheck"
if test -n "$priorCheckScript"; then
  if eval "$priorCheckScript"; then
    echo >&2 "prior check: OK"
  else
    echo >&2 "WARNING: the prior check failed; the effect goes on nevertheless"
  fi
fi
eval "$postPriorCheck"
phase Effect effectScript
putState
phase EffectCheck effectCheckScript
