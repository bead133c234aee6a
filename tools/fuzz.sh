#!/bin/sh
# Runs every fuzz test of the module for a time each, two at once: tools/fuzz.sh 30s. Fails when one of them does.
set -eu

cd "$(dirname "$0")/.."
targets() {
	grep -rlE '^func Fuzz' --include='*_test.go' cmd internal proto test translate xds | xargs -n 1 dirname | LC_ALL=C sort -u | while read -r folder; do
		for name in $(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$folder"/*_test.go | cut -c 6-); do
			echo "./$folder $name"
		done
	done
}

# An input that is found is cut down ten times at most: the default of a minute for each leaves no time to find others.
# Two at once, each with one worker, take what two cores have. The output is shown when a test has ended.
targets | xargs -P 2 -L 1 sh -c '
	out=$(go test -run "^\$" -fuzz "^$2\$" -fuzztime "$0" -fuzzminimizetime 10x -parallel 1 "$1" 2>&1) && status=0 || status=$?
	printf "== %s %s\n%s\n" "$1" "$2" "$out"
	exit $status
' "$1"
