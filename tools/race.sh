#!/bin/sh
# Runs all tests under the race detector, with the real Envoy: tools/race.sh FLAGS OF GO TEST. Those of test/ wait for
# Envoys most of their time, one after the other, and take as long as all others together: they run in two processes,
# beside one for the other packages. The package translate/optimize has no goroutine, and `make full` runs it. What a process prints is shown when it has ended. Fails when one of them does.
set -u

cd "$(dirname "$0")/.."
go build -race ./... || exit 1 # once, and not by each

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM

# part NAME ARGUMENTS OF GO TEST runs one of the processes.
part() {
	name=$1
	shift
	sh tools/test.sh -race -timeout 25m "$@" >"$out/$name" 2>&1
	status=$?
	cat "$out/$name"
	return $status
}

part a -run '^TestA' "$@" ./test &
a=$!
part others -skip '^TestA' "$@" ./test &
others=$!
part packages "$@" $(go list ./... | grep -Ev '/(test|translate/optimize)$')
status=$?
wait $a || status=1
wait $others || status=1
exit $status
