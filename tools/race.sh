#!/bin/sh
# Runs all tests with the real Envoy, nearly all under the race detector: tools/race.sh FLAGS OF GO TEST. Three processes
# run side by side; what each prints is shown when it has ended. Fails when one of them does.
#
# Without the detector are translate/optimize, which has no goroutine (`make full` runs it), and the tests of test/
# whose names do not begin with TestA: half of them, as the program takes several times as long with it. `make soak` runs
# those under it too.
set -u

cd "$(dirname "$0")/.."
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

part a -race -run '^TestA' "$@" ./test &
a=$!
part others -skip '^TestA' "$@" ./test &
others=$!
part packages -race "$@" $(go list ./... | grep -Ev '/(test|translate/optimize)$')
status=$?
wait $a || status=1
wait $others || status=1
exit $status
