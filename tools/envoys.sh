#!/bin/sh
# Runs all tests that need an Envoy, and the demo, on each supported version, and prints what passed on which:
# tools/envoys.sh [MINOR…]. It takes about fifteen minutes a version. Fails when anything does.
set -u

cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- $(ls tools/envoy-*.txt | sed 's|tools/envoy-\(.*\)\.txt|\1|')
folders=$({ grep -rl --include='*_test.go' '/internal/envoytest"' . | xargs -n 1 dirname && echo ./internal/envoytest; } | LC_ALL=C sort -u)
matrix=$(mktemp)
trap 'rm -f "$matrix"' EXIT
# A version that cannot be had has not passed.
export PORTREEVE_REQUIRE_ENVOY=1

passed() {
	name=$1
	shift
	result=passed
	"$@" || result=FAILED
	printf '%-32s %-8s %s\n' "$name" "$minor" "$result" >>"$matrix"
}

for minor in "$@"; do
	export ENVOY_VERSION=$minor
	for folder in $folders; do
		passed "$folder" sh tools/test.sh -count 1 -timeout 40m "$folder"
	done
	passed "make demo ONCE=1" env ENVOY="$(sh tools/envoy.sh "$minor" || echo "/none of $minor")" "${MAKE:-make}" demo ONCE=1
done

echo
LC_ALL=C sort -s -k 1,1 "$matrix"
! grep -q FAILED "$matrix"
