package diag_test

import (
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
)

// TestNothingUnseenIsShown holds that no name and no value moves the caret, ends the line, turns text around or is a command of a
// workflow's runner, and that everything else stays as it is.
func TestNothingUnseenIsShown(t *testing.T) {
	for text, want := range map[string]string{
		"a b/ç/漢 #1 [x] \\n":   "a b/ç/漢 #1 [x] \\n",
		"a\n::error::b\r\tc":   `a\n::error::b\r\tc`,
		"\x1b[31m\x7f\u009b1m": `\x1b[31m\x7f\u009b1m`,
		"\u202ea\u2028b\u200b": `\u202ea\u2028b\u200b`,
		"##[add-mask]a, ###":   `#\x23[add-mask]a, #\x23\x23`,
		"\xff\xc3(":            `\xff\xc3(`,
		"\ufffd":               "\ufffd",
		"":                     "", "GET /café?a='b'": "GET /café?a='b'", "a\nb\x00": `a\nb\x00`, "\u202egnp": `\u202egnp`, "\x9b31m": `\x9b31m`, "\u009b": `\u009b`, "\x7f": `\x7f`,
	} {
		if got := diag.Shown(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestAFindingIsOneLine holds that neither the name of a file nor what stands in it makes two lines of a finding, in any
// form, nor begins one with a command.
func TestAFindingIsOneLine(t *testing.T) {
	d := diag.New(diag.CodeForeignKind, diag.Position{File: "a\n::error::b\x1b[1m", Line: 1, Column: 2}, "%s is ignored", "A\n##[x]\x1b").WithHint("no %s", "B\r\n")
	want := `a\n::error::b\x1b[1m:1:2: warning PR0202: A\n#\x23[x]\x1b is ignored (no B\r\n)`
	if got := d.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, file := range []string{"::stop-commands::x", " ::error::x"} {
		if got, want := (diag.Position{File: file, Line: 3}).String(), "./"+file+":3"; got != want {
			t.Errorf("a position reads %q, want %q", got, want)
		}
	}
}
