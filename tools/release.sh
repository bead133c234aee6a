#!/bin/sh
# Makes everything of a release: tools/release.sh FOLDER. What git has at HEAD gives equal bytes in any folder, with the same Go.
# It is meant for Linux: GNU tar, gzip, Python 3.9 and Go. PLATFORMS="linux/amd64" makes some; VERSION and COMMIT
# are git's where they are not set.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
dist=$(cd "$1" && pwd)
cd "$root"
VERSION=${VERSION:-$(git describe --tags --always --dirty)}
COMMIT=${COMMIT:-$(git describe --always --abbrev=40 --dirty --exclude '*')}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

# Of packages a version begins with a digit, what is before a release sorts before it, and a hyphen has a meaning.
case $VERSION in
v[0-9]* | [0-9]*.*) version=$(echo "${VERSION#v}" | sed 's/-\(rc\|alpha\|beta\)/~\1/; s/-/+/; s/-/./g') ;;
*) version=0.0.0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(echo "$VERSION" | tr - .) ;;
esac

# It is named in what it makes by its own hash, so that it too is built alike everywhere.
sbom=$root/.tools/cyclonedx-gomod-1.10.0
[ -x "$sbom/cyclonedx-gomod" ] || GOBIN=$sbom CGO_ENABLED=0 go install -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# compile OS ARCH FILE: a static program that names no folder and no time.
compile() {
	GOOS=$1 GOARCH=$2 GOAMD64=v1 GOARM64=v8.0 CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$VERSION -X main.commit=$COMMIT" -o "$3" ./cmd/portreeve
}

# archive NAME: what stands in the folder, in the order of names, owned by nobody, at the time of the commit.
archive() {
	tar -C "$work" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$1" | gzip -9n >"$dist/$1.tar.gz"
}

compile "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)" "$work/portreeve"
"$work/portreeve" reference "$work/reference"
rm -rf "$dist"/portreeve* "$dist/SHA256SUMS"
for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/arm64}; do
	os=${platform%/*} arch=${platform#*/}
	name=portreeve_${version}_${os}_$arch
	mkdir -p "$work/$name/examples"
	compile "$os" "$arch" "$work/$name/portreeve"
	cp -R "$work/reference/man" "$work/reference/completions" LICENSE CHANGELOG.md "$work/$name/"
	cp -R examples/path-and-method "$work/$name/examples/"
	[ "$os" != linux ] || cp -R packaging/systemd packaging/etc packaging/drain-gateway "$work/$name/"
	archive "$name"
	GOOS=$os GOARCH=$arch CGO_ENABLED=0 "$sbom/cyclonedx-gomod" app -json -licenses -std -noserial -notimestamp -main cmd/portreeve -output "$dist/$name.cdx.json" . 2>"$work/sbom.log" ||
		{ cat "$work/sbom.log" >&2; exit 1; }
	if [ "$os" = linux ]; then
		for format in deb rpm; do sh tools/package.sh $format "$arch" "$version" "$work/$name/portreeve" "$work/reference" "$dist"; done
	fi
	rm -rf "${work:?}/$name"
done
cd "$dist" && sha256sum portreeve* >SHA256SUMS && cat SHA256SUMS
