#!/bin/sh
# Builds the documentation as a site into a folder: tools/docs.sh FOLDER. Material for MkDocs comes from PyPI (tools/docs.txt) and
# needs Python 3.11 with pip or venv. Links, anchors and the navigation are checked, and that no page loads anything from elsewhere.
# Where there is no such Python nothing is built, which is said; where CI is "true" or PORTREEVE_REQUIRE_ENVOY is "1" it is a failure.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
case $1 in /*) site=$1 ;; *) site=$PWD/$1 ;; esac
cd "$root"

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
	echo "SKIPPED, NOT PASSED: the documentation was not built: $python is no Python 3.11" >&2
	[ "${CI:-}" != true ] && [ "${PORTREEVE_REQUIRE_ENVOY:-}" != 1 ]
	exit
fi
folder=$root/.tools/docs-$("$python" -c 'import sys; print("py%d.%d" % sys.version_info[:2])')-$(cksum <tools/docs.txt | cut -d' ' -f1)
[ -d "$folder" ] || { mkdir -p .tools && sh tools/pip.sh tools/docs.txt "$folder"; }

NO_MKDOCS_2_WARNING=1 PYTHONPATH=$folder PYTHONDONTWRITEBYTECODE=1 "$python" -m mkdocs build --strict --clean --site-dir "$site"

# What a page loads when it is opened. Links that a reader follows may lead anywhere.
if grep -rnoE --include='*.html' '<(script|img|iframe)[^>]* src="?(https?:)?//[^" >]*|<link[^>]* rel="?(stylesheet|preconnect|preload)[^>]* href="?(https?:)?//[^" >]*|<link[^>]* href="?(https?:)?//[^" >]*[^>]* rel="?(stylesheet|preconnect|preload)' "$site"; then
	echo "tools/docs.sh: these pages load something from elsewhere" >&2
	exit 1
fi
