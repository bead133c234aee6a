#!/bin/sh
# Generates the Go code of proto/ into a folder: tools/generate.sh FOLDER. protoc comes from PyPI
# (tools/protoc.txt), protoc-gen-go from the module that go.mod pins.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$1
cd "$root"

# protoc is a Python extension: one folder for each version of Python.
python=${PYTHON:-python3}
protoc=$root/.tools/protoc-$("$python" -c 'import sys; print("py%d.%d" % sys.version_info[:2])')-$(cksum <tools/protoc.txt | cut -d' ' -f1)
[ -d "$protoc" ] || { mkdir -p .tools && sh tools/pip.sh tools/protoc.txt "$protoc"; }
go build -o .tools/bin/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go

mkdir -p "$out"
find proto -name '*.proto' | LC_ALL=C sort | while read -r file; do
	PYTHONPATH=$protoc "$python" -m grpc_tools.protoc -I proto \
		--plugin=protoc-gen-go=.tools/bin/protoc-gen-go --go_out="$out" --go_opt=paths=source_relative "${file#proto/}"
done

# The header names the release of protoc, which differs with the Python it is made for and changes nothing else.
find "$out" -name '*.pb.go' | while read -r file; do
	grep -v '^//[[:space:]]*protoc[[:space:]]' "$file" >"$file.tmp"
	mv "$file.tmp" "$file"
done
