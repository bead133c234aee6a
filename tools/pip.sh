#!/bin/sh
# Installs the pinned packages of a requirements file into a folder of its own, without touching the
# machine's Python: tools/pip.sh REQUIREMENTS FOLDER. Every package is checked against its hash.
# It needs Python 3.9 or newer with pip or venv. The folder appears only when it is complete.
set -eu

requirements=$1
folder=$2
python=${PYTHON:-python3}
venv=$(dirname "$folder")/pip-venv
partial=$folder.partial.$$
trap 'rm -rf "$partial"' EXIT INT TERM

# A pip of this machine, else one in a virtual environment (which Debian has in python3-venv).
if ! "$python" -c 'import pip' >/dev/null 2>&1; then
	if ! [ -x "$venv/bin/python" ] && ! "$python" -m venv "$venv" >/dev/null 2>&1; then
		rm -rf "$venv"
		echo "tools/pip.sh: $python has neither pip nor venv: install one of them (Debian: python3-pip or python3-venv)" >&2
		exit 1
	fi
	python=$venv/bin/python
fi

# --ignore-requires-python: the packages are taken for a program that they carry, which needs no Python
# (protoc.txt has a release for Python 3.9 nevertheless, because there protoc is a Python extension).
PIP_USER=0 PIP_ROOT_USER_ACTION=ignore PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --no-input \
	--require-hashes --no-deps --only-binary=:all: --ignore-requires-python \
	--target "$partial" --requirement "$requirements" >&2

# Somebody else may have finished first; what is there is as good as ours.
[ -d "$folder" ] || mv "$partial" "$folder"
