#!/bin/sh
# Runs go test with the real Envoy: tools/test.sh ARGUMENTS OF GO TEST. ENVOY_VERSION, such as 1.39, is which; without
# it the newest. Where no Envoy can be had, the tests that need one are skipped, which is said before and after; where CI
# is "true" or PORTREEVE_REQUIRE_ENVOY is "1" they fail instead.
set -u

cd "$(dirname "$0")/.."
missing() {
	[ -z "$ENVOY" ] || return 0
	echo "!!! NO ENVOY: every test that needs the real Envoy is skipped, and nothing is proved of it !!!" >&2
}

ENVOY=$(sh tools/envoy.sh ${ENVOY_VERSION:-}) || ENVOY=
export ENVOY
if [ -z "$ENVOY" ] && [ -n "${ENVOY_VERSION:-}" ]; then
	# Left to themselves, the tests would take another version.
	echo "!!! SKIPPED, NOT PASSED: there is no Envoy $ENVOY_VERSION !!!" >&2
	[ "${CI:-}" != true ] && [ "${PORTREEVE_REQUIRE_ENVOY:-}" != 1 ]
	exit
fi
missing
go test "$@"
status=$?
missing
exit $status
