#!/bin/sh
# Runs all tests with the real Envoy, nearly all under the race detector: tools/race.sh FLAGS OF GO TEST. Three processes
# run side by side; what each prints is shown when it has ended. Fails when one of them does.
#
# Without the detector are translate/optimize, which has no goroutine (`make full` runs it), and the tests of test/ in
# which one thing happens after another: the program takes several times as long with it. `make soak` runs all of test/
# under it.
set -u

cd "$(dirname "$0")/.."
# The tests of test/ in which much happens at once: edits, connections that come and go, keys and certificates that change.
raced='Chaos|Kill|LosesNo|Edit|Rollout|Rotat|Renew|Replica|Stream|Identit|Hang|Takeover|Record|Mov|Restart'

go build -race ./... || exit 1 # once, and not by each

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM

# part NAME ARGUMENTS OF GO TEST runs one of the processes.
part() {
	name=$1
	shift
	sh tools/test.sh -timeout 25m "$@" >"$out/$name" 2>&1
	status=$?
	cat "$out/$name"
	return $status
}

part raced -race -run "$raced" "$@" ./test &
at_once=$!
part others -skip "$raced" "$@" ./test &
others=$!
part packages -race "$@" $(go list ./... | grep -Ev '/(test|translate/optimize)$')
status=$?
wait $at_once || status=1
wait $others || status=1
exit $status
