# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the phases of an effect, whose scripts are in the environment, where Nix has put them.
# shellcheck shell=bash disable=SC2154
set -e

for directory in $toolPath; do PATH="$directory:$PATH"; done
export PATH HOME="$NIX_BUILD_TOP/home" PYTHONPYCACHEPREFIX="$NIX_BUILD_TOP/pycache"
mkdir -p "$HOME/.ssh"
cd "$NIX_BUILD_TOP"

getStateFile() { python3 "$stateTool" get "$1" "${2:-$1}"; }
putStateFile() { python3 "$stateTool" put "$1" "${2:-$1}"; }
readSecretString() { python3 "$secretTool" string "$1" "$2"; }
readSecretJSON() { python3 "$secretTool" json "$1" "$2"; }

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

# The script of a phase, between its hooks.
scripts() {
  local before="pre$1" after="post$1"
  eval "${!before}"
  eval "${!2}"
  eval "${!after}"
}

initPhase() { scripts Init initScript; }
userSetupPhase() { scripts UserSetup userSetupScript; }
effectPhase() { scripts Effect effectScript; }
effectCheckPhase() { scripts EffectCheck effectCheckScript; }
patchPhase() { :; }

unpackPhase() {
  local from
  test -z "$dontUnpack" || return 0
  for from in $src $srcs; do
    cp -r "$from" source
    chmod -R u+w source
  done
  cd source
}

stateIsFetched='' stateIsPut=''
getStatePhase() {
  scripts GetState getStateScript
  stateIsFetched=1
}

putStatePhase() {
  if test -n "$stateIsPut"; then
    echo >&2 "NOTE: State has already been uploaded and was not uploaded again."
    return 0
  fi
  scripts PutState putStateScript
  stateIsPut=1
}

priorCheckPhase() {
  eval "$prePriorCheck"
  if test -n "$priorCheckScript"; then
    if eval "$priorCheckScript"; then
      echo >&2 -e 'Prior check \e[32;1mOK\e[0m.'
    else
      echo >&2 -e '\nWARNING: Prior check \e[31;1mFAILED\e[0m!\n'
      echo >&2 "Continuing execution to allow subsequent steps to hopefully fix the problem."
    fi
  fi
  eval "$postPriorCheck"
}

# A phase is the function of its name, unless there is a variable of that name.
run() { if test -n "${!1}"; then eval "${!1}"; else "$1"; fi; }

failed() {
  local code=$?
  trap - EXIT
  if test $code != 0 && test -n "$stateIsFetched"; then
    echo >&2 "uploading state files after failure"
    run putStatePhase || true
  fi
  exit $code
}
trap failed EXIT

for phase in $phases; do run "$phase"; done
