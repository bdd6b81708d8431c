# hand_on_signals COMMAND...: runs a command that starts a program and waits for it, hands signals on to that program, and
# ends with the command's status. Sourced by in-root.

# The program, once it is there; before that, the command.
program_of() {
  local children
  children=$(cat "/proc/$1/task/$1/children" 2>/dev/null || true)
  echo "${children:-$1}"
}

hand_on_signal() {
  local group foreground
  read -r _ _ _ _ group _ _ foreground _ <"/proc/$$/stat"
  # Ctrl-C has reached the program already: it is of the same group.
  if [ "$1" = INT ] && [ "$group" = "$foreground" ]; then return; fi
  # shellcheck disable=SC2046  # numbers
  kill -s "$1" $(program_of "$command_pid") 2>/dev/null || true
}

hand_on_signals() {
  local status=0 again=0 signal
  # What is ignored stays so for the command; the program has handlers of its own.
  (
    trap '' TERM INT
    exec "$@"
  ) <&0 &
  command_pid=$!
  for signal in TERM INT HUP; do
    # shellcheck disable=SC2064  # now
    trap "hand_on_signal $signal" "$signal"
  done
  # A signal ends the waiting, not the program.
  while :; do
    wait "$command_pid" && status=0 || status=$?
    kill -0 "$command_pid" 2>/dev/null || break
  done
  wait "$command_pid" 2>/dev/null && again=0 || again=$?
  [ "$again" = 127 ] || status=$again
  exit "$status"
}
