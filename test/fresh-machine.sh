#!/usr/bin/env bash
# Tests the commands of the README as on a fresh machine: older versions of Node and npm, no make, no
# compiler. Further cases are folders with unusual names, another user, and a read-only installation.
#
#   bash test/fresh-machine.sh                 all pairs of Node and npm, and all cases (20 minutes).
#
#   bash test/fresh-machine.sh --short         only the oldest pair (2 minutes).
#
#   bash test/fresh-machine.sh 20:10 omit-dev  one pair and one case
#
# It needs Linux, curl and a registry. The cases with another user need root.
set -uo pipefail
cd "$(dirname "$0")/.."
source=$PWD
registry=$(npm config get registry) cache=$(npm config get cache)
work=$(mktemp -d)
chmod 755 "$work"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
log=$work/log
passed=0 failed=0

# npm 11 does not run on Node 18.
all=(18:9 18:10 20:9 20:10 20:11 22:9 22:10 22:11 24:9 24:10 24:11 omit-dev other-user read-only closed-folder localhost-is-ipv6)
case ${1:-} in
  '') cases=("${all[@]}") ;;
  --short) cases=(18:9) ;;
  *) cases=("$@") ;;
esac

# All programs of the machine except these.
mkdir "$work/bin"
for program in /usr/local/bin/* /usr/bin/* /bin/*; do
  case ${program##*/} in
    node | nodejs | npm | npx | corepack | make | gmake | cmake | gcc* | g++* | *-gcc* | *-g++* | cc | c++ | clang* | python*) ;;
    *) ln -sf "$program" "$work/bin/" ;;
  esac
done

# "${run[@]}" COMMAND... uses the versions of use_versions, and none of the variables of this shell.
run=()
use_versions() {
  local node=${1%:*} npm=${1#*:} architecture
  architecture=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  local install=(npm install --no-audit --no-fund --ignore-scripts --loglevel=error)
  [[ -d $work/node-$node ]] || "${install[@]}" --prefix "$work/node-$node" "node-linux-$architecture@$node" >/dev/null
  [[ -d $work/npm-$npm ]] || "${install[@]}" --prefix "$work/npm-$npm" "npm@$npm" >/dev/null
  run=(env -i "HOME=$work/home" "LANG=C.UTF-8" "PATH=$work/node-$node/node_modules/.bin:$work/npm-$npm/node_modules/.bin:$work/bin"
    "npm_config_cache=$cache" "npm_config_registry=$registry" npm_config_update_notifier=false npm_config_audit=false)
  if [[ -n ${NODE_EXTRA_CA_CERTS:-} ]]; then run+=("NODE_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS"); fi
}

# Copies the files of the work tree to a folder, and enters the folder.
enter_copy() {
  folder="$work/a frésh machine/$1"
  mkdir -p "$folder"
  cd "$source" || exit
  git ls-files -z --cached --others --exclude-standard | while IFS= read -rd '' file; do [[ -f $file ]] && printf '%s\0' "$file"; done |
    tar --null -T - -cf - | tar -C "$folder" -xf -
  cd "$folder" || exit
}

# check TITLE COMMAND... counts one result. If the command fails, it prints the end of its output.
check() {
  local title=$1; shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1)); echo "ok - $title"
  else
    failed=$((failed + 1)); echo "not ok - $title"; tail -n 40 "$log"
  fi
}

# serve SCRIPT PATH TEXT starts npm run SCRIPT and expects TEXT at PATH.
# A signal to the process group of npm must leave nothing running.
serve() {
  local script=$1 path=$2 text=$3 port=$((20000 + RANDOM % 10000)) status=1 npm
  local variables=(PORT=$port COGNITO_PORT=$((port + 1)) "DEV_DATA=$work/data/$port" "DATABASE_URL=sqlite:$work/data/$port.db" AWS_USER_POOLS_ID=local_Articles AWS_APP_CLIENT_ID=articlesdev)
  # setsid makes the process id of npm the number of its group.
  "${run[@]}" "${variables[@]}" setsid npm run "$script" & npm=$!
  for _ in $(seq 600); do
    if curl -s --max-time 5 "http://127.0.0.1:$port$path" | grep -q "$text"; then status=0; break; fi
    kill -0 $npm 2>/dev/null || break
    sleep 0.2
  done
  kill -TERM -- -$npm
  for _ in $(seq 150); do kill -0 -- -$npm 2>/dev/null || return $status; sleep 0.2; done
  echo 'A process is left running.'
  kill -KILL -- -$npm
  return 1
}

install() { timeout 500 "${run[@]}" npm ci --prefer-offline; }
develop() { serve dev / '<div id="root">'; }
run_tests() { timeout 500 "${run[@]}" npm exec -- node test/run.ts "$@"; }
some_tests=(test/config.test.ts test/routes/me.test.ts)
as_nobody() {
  mkdir -p "$work/nobody/data"
  chown -R nobody "$work/nobody" "$folder"
  run=(setpriv --reuid=nobody --regid=nogroup --clear-groups "${run[@]}" "HOME=$work/nobody" "npm_config_cache=$work/nobody/cache")
}

mkdir -m 777 "$work/data"
for case in "${cases[@]}"; do
  case $case in
    *:*)
      name="Node ${case%:*}, npm ${case#*:}"
      use_versions "$case"
      enter_copy "${case/:/-}"
      check "$name: npm ci" install
      check "$name: npm run dev serves the pages" develop
      check "$name: tests on SQLite and PostgreSQL" run_tests "${some_tests[@]}" ;;
    omit-dev)
      use_versions 20:10
      enter_copy omit-dev
      check 'npm ci --omit=dev' "${run[@]}" npm ci --omit=dev --prefer-offline
      check 'npm start without packages of development' serve start /health/live '"status"' ;;
    other-user)
      use_versions 20:10
      enter_copy other-user
      as_nobody
      check 'npm ci as another user' install
      check 'npm run dev as another user' develop
      check 'tests as another user' run_tests "${some_tests[@]}" ;;
    read-only)
      use_versions 20:10
      enter_copy read-only
      as_nobody
      check 'npm ci before the folder is read-only' install
      chmod -R a-w node_modules
      check 'npm run dev with node_modules read-only' develop
      chmod -R a-w "$folder"
      check 'npm run dev with the folder read-only' develop
      check 'npm start with the folder read-only' serve start /health/live '"status"' ;;
    closed-folder)
      use_versions 20:10
      mkdir -m 700 -p "$work/a frésh machine/closed"
      enter_copy closed/folder
      check 'npm ci as root in a closed folder' install
      check 'tests as root in a closed folder' run_tests "${some_tests[@]}" ;;
    localhost-is-ipv6)
      use_versions 20:10
      enter_copy localhost
      check 'npm ci' install
      printf '127.0.0.1 localhost\n::1 localhost\n' >"$work/hosts"
      run=(unshare --mount sh -c "mount --bind '$work/hosts' /etc/hosts && exec \"\$@\"" sh "${run[@]}")
      check 'tests where localhost is ::1 too' run_tests test/http/request-id.test.ts test/plugins/metrics.test.ts ;;
    *) echo "There is no case $case." >&2; exit 2 ;;
  esac
  cd "$source" || exit
  chmod -R u+w "$folder" && rm -rf "$folder"
done
# .ci/run adds up summaries in the form of tap.
echo "# { total: $((passed + failed)), pass: $passed, fail: $failed }"
[[ $failed == 0 ]]
