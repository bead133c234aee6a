#!/bin/sh
# Runs every fuzz test of the module for a time each: tools/fuzz.sh 30s. Stops at the first that fails.
set -eu

cd "$(dirname "$0")/.."
grep -rlE '^func Fuzz' --include='*_test.go' cmd internal proto translate xds | xargs -n 1 dirname | LC_ALL=C sort -u | while read -r folder; do
	for name in $(go test -list '^Fuzz' "./$folder" | grep '^Fuzz'); do
		echo "== ./$folder $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" "./$folder"
	done
done
