#!/usr/bin/env bash
# ./plimsoll hands signals on: a server that is asked to end answers what it has begun, and one that was started with nohup
# outlives its shell. launcher_test.sh MODEL. Run outside the private root, by scripts/test.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
model=$1
folder=$(mktemp -d)
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache} XDG_CONFIG_HOME=$folder/config
launcher=
trap '[ -z "$launcher" ] || kill -9 "$launcher" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() {
  echo "FAILED: $1"
  cat "$folder"/out "$folder"/log 2>/dev/null || true
  exit 1
}

# Sets `port`, once the server says where it is.
wait_for_port() {
  for _ in $(seq 600); do
    port=$(sed -n 's/.*http:[^ ]*:\([0-9]*\)$/\1/p' "$folder/out" 2>/dev/null || true)
    [ -z "$port" ] || return 0
    sleep 0.1
  done
  fail "no server"
}
# Whoever runs this may have SIGINT ignored, as a job in the background has it, and that is inherited.
serve=(env --default-signal=INT,TERM "$here/plimsoll" serve "$model" --port 0 --device none -t 1 -c 2048 -b 128 -ub 128)

for signal in TERM INT; do
  rm -f "$folder/out"
  set -m  # else the shell has it ignore SIGINT
  "${serve[@]}" >"$folder/out" 2>"$folder/log" &
  launcher=$!
  set +m
  wait_for_port
  curl -sN "http://127.0.0.1:$port/v1/completions" \
    -d '{"prompt": "Day 1.", "max_tokens": 400, "ignore_eos": true, "stream": true}' >"$folder/stream" &
  stream=$!
  for _ in $(seq 600); do [ -s "$folder/stream" ] && break || sleep 0.1; done
  kill -s "$signal" "$launcher"
  wait "$stream" || fail "the stream was cut by SIG$signal"
  grep -q 'data: \[DONE\]' "$folder/stream" || fail "the stream has no end after SIG$signal"
  for _ in $(seq 300); do kill -0 "$launcher" 2>/dev/null && sleep 0.1 || break; done
  ! kill -0 "$launcher" 2>/dev/null || fail "the server goes on after SIG$signal"
  status=0
  wait "$launcher" || status=$?
  launcher=
  [ "$status" = 0 ] || fail "status $status after SIG$signal"
done

rm -f "$folder/out"
bash -c 'nohup "$@" >"$0/out" 2>"$0/log" & echo $! >"$0/pid"' "$folder" "${serve[@]}"
launcher=$(cat "$folder/pid")
wait_for_port
curl -sf "http://127.0.0.1:$port/v1/models" >/dev/null || fail "the server went with its shell"
kill "$launcher"
for _ in $(seq 600); do kill -0 "$launcher" 2>/dev/null && sleep 0.1 || break; done
launcher=
curl -s --max-time 2 "http://127.0.0.1:$port/health" >/dev/null && fail "the server outlived its launcher"
echo "launcher: streams end after SIGTERM and SIGINT, and a server outlives its shell"
