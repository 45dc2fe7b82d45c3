#!/usr/bin/env bash
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Debian machines for the tests, booted by systemd on this one, with a root file system, an address and SSH of their own:
#   hosts.sh up DIR NAME...   boot them and write DIR/inventory.yml
#   hosts.sh cut DIR NAME     take a machine's network away; mend gives it back
#   hosts.sh down DIR         stop and remove them
#   hosts.sh possible DIR     say why that cannot be done here, if so
# Root only. The Debian that they share is made at the first run (half a minute) and kept in $CACHE.
set -euo pipefail
shopt -s globstar

BASE=${CACHE:-$(dirname "${BASH_SOURCE[0]}")/../../.cache}/hosts/bookworm
PACKAGES=systemd-sysv,dbus,openssh-server,python3,iproute2,sudo,procps
# systemd inside manages a whole control group tree: each machine gets its own, in the hierarchy that systemd-nspawn looks at.
GROUPS_AT=(/sys/fs/cgroup/systemd /sys/fs/cgroup/unified)
[[ ! -e /sys/fs/cgroup/cgroup.procs ]] || GROUPS_AT=(/sys/fs/cgroup)

make_base() {
  [[ ! -d $BASE ]] || return 0
  mkdir -p "$(dirname "$BASE")"
  local new
  new=$(mktemp -d "$BASE.XXXXXX")
  mmdebstrap --quiet --variant=minbase --include="$PACKAGES" bookworm "$new"
  mv -T "$new" "$BASE"
}

# A bridge with a free number: creating it is atomic, so runs side by side never share one.
make_network() {
  local number
  for number in {0..63}; do
    if ip link add "nixcd$number" type bridge 2>/dev/null; then
      printf '%s\n' "$number" >"$dir/number"
      ip addr add "10.79.$number.1/24" dev "nixcd$number"
      ip link set "nixcd$number" up
      return
    fi
  done
  echo 'hosts.sh: no bridge nixcd0 to nixcd63 is free' >&2
  exit 1
}

number() { cat "$dir/number"; }
address() { printf '10.79.%s.%s' "$(number)" "$(($1 + 10))"; }
label() { printf 'nixcd%s-%s' "$(number)" "$1"; }

# boot NAME INDEX
boot() {
  local name=$1 index=$2 label upper group
  label=$(label "$name")
  ip netns add "$label"
  ip link add "nixcd$(number)v$index" type veth peer name eth0 netns "$label"
  ip link set "nixcd$(number)v$index" master "nixcd$(number)" up
  ip -n "$label" addr add "$(address "$index")/24" dev eth0
  ip -n "$label" link set eth0 up
  ip -n "$label" link set lo up
  ip -n "$label" route add default via "10.79.$(number).1"

  upper=$dir/$name/upper
  mkdir -p "$upper/etc/ssh" "$upper/root/.ssh" "$dir/$name/work" "$dir/$name/root"
  printf '%s\n' "$index" >"$dir/$name/index"
  chmod 700 "$upper/root" "$upper/root/.ssh"
  cp "$dir/id.pub" "$upper/root/.ssh/authorized_keys"
  install -m 600 "$dir/hostkey" "$upper/etc/ssh/ssh_host_ed25519_key"
  cp "$dir/hostkey.pub" "$upper/etc/ssh/ssh_host_ed25519_key.pub"
  printf '%s\n' "$name" >"$upper/etc/hostname"
  printf '127.0.0.1 localhost %s\n' "$name" >"$upper/etc/hosts" # else sudo asks name servers, and there are none
  : >"$upper/etc/machine-id"
  for group in "${GROUPS_AT[@]}"; do
    [[ ! -d $group ]] || mkdir -p "$group/$label"
  done
  setsid unshare --mount --propagation private "${BASH_SOURCE[0]}" enter "$dir" "$name" >"$dir/$name/log" 2>&1 </dev/null &
  printf '%s\n' $! >"$dir/$name/pid"
}

# enter NAME: become that machine, in a mount namespace of its own
enter() {
  local label group home=$dir/$1
  label=$(label "$1")
  mount -t overlay overlay -o "lowerdir=$(realpath "$BASE"),upperdir=$home/upper,workdir=$home/work" "$home/root"
  for group in "${GROUPS_AT[@]}"; do
    [[ ! -d $group/$label ]] || echo $$ >"$group/$label/cgroup.procs"
  done
  exec systemd-nspawn --quiet --register=no --keep-unit --directory="$home/root" --machine="$label" --resolv-conf=off \
    --network-namespace-path="/run/netns/$label" --boot --console=passive
}

# await_ssh NAME INDEX
await_ssh() {
  local end=$((SECONDS + 60))
  until ssh-keyscan -T 1 -t ed25519 "$(address "$2")" 2>/dev/null | grep -q ed25519; do
    if ((SECONDS > end)); then
      echo "hosts.sh: $1 does not answer after a minute; its console is $dir/$1/log" >&2
      exit 1
    fi
    sleep 0.1
  done
}

write_inventory() {
  local index=0 name
  printf 'all:\n  vars:\n    ansible_user: root\n    ansible_python_interpreter: /usr/bin/python3\n'
  printf '    ansible_ssh_private_key_file: %s\n' "$dir/id"
  printf '    ansible_ssh_common_args: -o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes' "$dir/known_hosts"
  # Without these a connection whose host loses its network hangs for as long as the kernel tries, many minutes.
  printf ' -o ServerAliveInterval=1 -o ServerAliveCountMax=3\n  hosts:\n'
  for name in "$@"; do
    index=$((index + 1))
    printf '    %s: {ansible_host: %s}\n' "$name" "$(address $index)"
  done
}

up() {
  local index=0 name key
  make_base
  mkdir -p "$dir"
  for key in id hostkey; do
    [[ -f $dir/$key ]] || ssh-keygen -q -t ed25519 -N '' -f "$dir/$key"
  done
  make_network
  # systemd takes several of these on each machine: the kernel's 128 are too few for twenty.
  (($(</proc/sys/fs/inotify/max_user_instances) >= 1024)) || echo 1024 >/proc/sys/fs/inotify/max_user_instances
  for name in "$@"; do boot "$name" $((++index)); done
  index=0
  for name in "$@"; do
    await_ssh "$name" $((++index))
    printf '%s %s\n' "$(address $index)" "$(cut -d' ' -f1,2 "$dir/hostkey.pub")"
  done >"$dir/known_hosts"
  write_inventory "$@" >"$dir/inventory.yml"
}

# Processes of one machine only: those in its control group and in its network namespace. The shell's own kill, because not every
# machine has the program.
stop() {
  local label processes
  label=$(label "$1")
  mapfile -t processes < <(
    for group in "${GROUPS_AT[@]}"; do cat "$group/$label"/**/cgroup.procs; done 2>/dev/null
    ip netns pids "$label" 2>/dev/null
    cat "$dir/$1/pid"
  )
  kill -KILL "${processes[@]}" 2>/dev/null || true
}

remove() {
  local label group
  label=$(label "$1")
  ip netns del "$label" 2>/dev/null || true
  ip link del "nixcd$(number)v$(cat "$dir/$1/index")" 2>/dev/null || true
  for group in "${GROUPS_AT[@]}"; do
    # the kernel frees a control group a moment after its last process
    local end=$((SECONDS + 5))
    until [[ ! -d $group/$label ]] || find "$group/$label" -depth -type d -exec rmdir {} + 2>/dev/null || ((SECONDS > end)); do sleep 0.1; done
  done
  rm -rf "${dir:?}/$1"
}

down() {
  [[ -f $dir/number ]] || return 0
  local home
  for home in "$dir"/*/; do stop "$(basename "$home")"; done
  for home in "$dir"/*/; do remove "$(basename "$home")"; done
  ip link del "nixcd$(number)" 2>/dev/null || true
  rm -rf "$dir"
}

# Each thing that `up` needs and not every root may do: in a container, say.
possible() {
  local program group
  [[ $(id -u) == 0 ]] || { echo 'only root can boot machines'; exit 1; }
  for program in ip mmdebstrap systemd-nspawn ssh-keygen; do
    command -v $program >/dev/null || { echo "not installed: $program"; exit 1; }
  done
  mkdir -p "$dir"/{lower,upper,work,root}
  unshare --mount --propagation private mount -t overlay overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" 2>/dev/null ||
    { echo 'this root may not mount'; exit 1; }
  (make_network) 2>/dev/null || { echo 'this root may not make networks'; exit 1; }
  ip link del "nixcd$(number)"
  rm -rf "$dir"
  for group in "${GROUPS_AT[@]}"; do
    [[ ! -d $group ]] || { mkdir "$group/nixcd-$$" && rmdir "$group/nixcd-$$"; } 2>/dev/null ||
      { echo 'this root may not make control groups'; exit 1; }
  done
}

command=${1:-} dir=$(realpath -m "${2:-.}")
[[ $# -ge 2 ]] || command=usage
shift $(($# < 2 ? $# : 2))
case $command in
  up) up "$@" ;;
  enter) enter "$@" ;;
  cut) ip -n "$(label "$1")" link set eth0 down ;;
  mend)
    ip -n "$(label "$1")" link set eth0 up
    ip -n "$(label "$1")" route replace default via "10.79.$(number).1"
    ;;
  down) down ;;
  possible) possible ;;
  *)
    sed -n 's/^#   \(hosts.sh\)/\1/p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
