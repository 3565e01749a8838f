# steps.sh: what plan.sh is made of; see guest.sh.
mkdir -p /tmp/session/x
cd /tmp/session
ln -s "$(command -v ipvsadm)" x/ipvsadm
ln -s "$(command -v ipvsadm)" other

# Where record.ts wants ipvsadm to have no netlink.
LIBRARY=
[ ! -e /in/no_netlink.so ] || LIBRARY=/in/no_netlink.so

SETTINGS=/proc/sys/net/ipv4/vs
declare -A DEFAULT
for file in "$SETTINGS"/*; do DEFAULT[$file]=$(< "$file"); done

fresh() { # NAME: an empty table and every setting as at the start
  local file
  for file in "${!DEFAULT[@]}"; do
    [ "$(< "$file")" = "${DEFAULT[$file]}" ] || printf '%s\n' "${DEFAULT[$file]}" > "$file"
  done
  printf -- '-C\n--set 900 120 300\n--stop-daemon master\n--stop-daemon backup\n' |
    ipvsadm -R > /dev/null 2>&1
  printf '%s\n' "$1"
}
run() { # NUMBER WORD...: standard input is NUMBER.in, if there is one
  local number=$1 input=/dev/null
  shift
  [ -e "/in/inputs/$number.in" ] && input=/in/inputs/$number.in
  LD_PRELOAD=$LIBRARY "$@" < "$input" > "/out/$number.out" 2> "/out/$number.err"
  echo $? > "/out/$number.status"
}
