#!/bin/sh
# Holds the files of examples/ci against what GitHub and GitLab take: tools/ci-check.sh ACTIONLINT SCHEMAS. ACTIONLINT is the
# program, or is not there; SCHEMAS is the folder for the schema of GitLab, which is installed when it is missing. Where one
# cannot be had that is said, and it is a failure where CI is "true" or PORTREEVE_REQUIRE_ENVOY is "1".
set -eu

cd "$(dirname "$0")/.."
actionlint=$1
schemas=$2

missing() {
	echo "!!! SKIPPED, NOT PASSED: $1 !!!" >&2
	if [ "${CI:-}" = true ] || [ "${PORTREEVE_REQUIRE_ENVOY:-}" = 1 ]; then
		exit 1
	fi
}

if [ -x "$actionlint" ]; then
	"$actionlint" -shellcheck= -pyflakes= examples/ci/github.yaml
	echo "examples/ci/github.yaml: actionlint is content"
else
	missing "examples/ci/github.yaml was not held against actionlint, which cannot be installed"
fi
if [ -d "$schemas" ] || sh tools/pip.sh tools/gitlabci.txt "$schemas"; then
	GITLAB_CI_SCHEMA=$(pwd)/$schemas/check_jsonschema/builtin_schemas/vendor/gitlab-ci.json go test -count 1 -run '^TestTheGitLabFileIsValid$' ./examples/ci
else
	missing "examples/ci/gitlab.yaml was not held against the schema of GitLab, which cannot be installed"
fi
