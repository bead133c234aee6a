#!/bin/sh
# Prints the folder with Prometheus and promtool: $PROMETHEUS_DIR, else what is installed into .tools/ from Debian's
# package, pinned by version and hash. Nothing of the machine is changed, and the second call is instant.
# Exits with 1 and says what to do where there is none for this machine.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
version=2.42.0+ds-5+deb12u1
hash=81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55
folder=$root/.tools/prometheus-$version

missing() {
	echo "tools/prometheus.sh: $1: set PROMETHEUS_DIR to a folder with prometheus and promtool 2.42 or newer" >&2
	exit 1
}

if [ -n "${PROMETHEUS_DIR:-}" ]; then
	[ -x "$PROMETHEUS_DIR/promtool" ] && [ -x "$PROMETHEUS_DIR/prometheus" ] || missing "PROMETHEUS_DIR=$PROMETHEUS_DIR does not hold both"
	echo "$PROMETHEUS_DIR"
	exit 0
fi

if ! [ -x "$folder/usr/bin/promtool" ]; then
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || missing "this machine has no apt-get"
	mkdir -p "$root/.tools"
	partial=$(mktemp -d "$root/.tools/prometheus.partial.XXXXXX")
	trap 'rm -rf "$partial"' EXIT INT TERM
	get() { (cd "$partial" && apt-get download -qq "prometheus:amd64=$version" >&2); }
	# The lists of packages may be old, or not there at all.
	get 2>/dev/null || { apt-get update -qq >&2 && get; } || missing "Debian's package prometheus $version cannot be had"
	deb=$(ls "$partial"/*.deb)
	echo "$hash  $deb" | sha256sum -c --quiet >&2 || missing "the package prometheus $version is another than the one that is pinned"
	dpkg-deb -x "$deb" "$partial/out"
	chmod 755 "$partial/out"
	# Somebody else may have finished first; what is there is as good as ours.
	[ -d "$folder" ] || mv "$partial/out" "$folder"
fi
echo "$folder/usr/bin"
