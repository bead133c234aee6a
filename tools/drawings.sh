#!/bin/sh
# Makes docs/drawings/*.svg of the texts beside them, those that are not of their text. D2 comes from PyPI (tools/drawings.txt).
# With --check nothing is made: it fails where a drawing is of another text than the one beside it, and needs no D2.
set -eu

cd "$(dirname "$0")/.."
d2=.tools/d2-$(cksum <tools/drawings.txt | cut -d' ' -f1)

# The text of a drawing and how it is drawn.
mark() { echo "<!-- of the text $(cat "$1" tools/drawings.sh | cksum | tr ' ' -) -->"; }

for text in docs/drawings/*.d2; do
	drawing=${text%.d2}.svg
	! grep -qsF -e "$(mark "$text")" "$drawing" || continue
	if [ "${1:-}" = --check ]; then
		echo "stale: $drawing: run 'make drawings' and commit the result" >&2
		exit 1
	fi
	[ -d "$d2" ] || { mkdir -p .tools && sh tools/pip.sh tools/drawings.txt "$PWD/$d2"; }
	# In light and in dark, as the reader has it.
	"$d2/bin/d2" --theme 0 --dark-theme 200 --layout elk --pad 10 --scale 0.8 --no-xml-tag --omit-version "$text" "$drawing.partial.svg"
	{ cat "$drawing.partial.svg" && echo && mark "$text"; } >"$drawing"
	rm "$drawing.partial.svg"
done
