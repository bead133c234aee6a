#!/bin/sh
# Proves of what git has at HEAD that two builds in two folders, one of them with nothing in its cache, give equal checksums, and
# holds what was built: contents of the rpm packages, and the life of the deb package of this machine. It takes minutes
# and some gigabytes of disk, which are free again afterwards. PLATFORMS="linux/amd64" takes one alone.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
commit=$(git -C "$root" rev-parse HEAD)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT INT TERM

# build FOLDER: a release from a clone there, into FOLDER/dist.
build() {
	git clone -q "$root" "$1"
	ln -s "$root/.tools" "$1/.tools"
	git -C "$1" checkout -q "$commit"
	sh "$1/tools/release.sh" "$1/dist" >/dev/null
}

build "$work/one"
GOCACHE=$work/cache build "$work/another/folder"
diff "$work/one/dist/SHA256SUMS" "$work/another/folder/dist/SHA256SUMS" || { echo "FAILED: two builds of one commit differ" >&2; exit 1; }
cd "$work/one/dist" && sha256sum --quiet -c SHA256SUMS
echo "ok: two builds in two folders are equal"

for archive in portreeve_*_linux_*.tar.gz; do
	tar -xzf "$archive"
	if ldd "${archive%.tar.gz}/portreeve" 2>&1 | grep -q '=>'; then echo "FAILED: the program in $archive is not static" >&2; exit 1; fi
done
echo "ok: programs are static"

for rpm in *.rpm; do (cd "$work/one/tools/rpmcheck" && RPM=$work/one/dist/$rpm go test -count 1 .); done
echo "ok: the rpm packages hold what they have to"

program=$(echo "$PWD"/portreeve_*_linux_"$(go env GOARCH)"/portreeve)
cd "$work/one" && PORTREEVE_PROGRAM=$program PORTREEVE_DEB=$(echo "$work"/one/dist/*_"$(go env GOARCH)".deb) sh tools/test.sh -count 1 -v ./packaging
