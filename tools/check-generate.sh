#!/bin/sh
# Fails when generated code is not what tools/generate.sh makes of the .proto files today.
set -eu

cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT INT TERM
sh tools/generate.sh "$fresh"

stale=
for file in $( (cd "$fresh" && find . -name '*.pb.go'; cd "$OLDPWD/proto" && find . -name '*.pb.go') | LC_ALL=C sort -u); do
	cmp -s "$fresh/$file" "proto/$file" || stale="$stale proto/${file#./}"
done
if [ -n "$stale" ]; then
	echo "stale:$stale: run 'make generate' and commit the result" >&2
	exit 1
fi
