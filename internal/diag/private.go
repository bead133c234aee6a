package diag

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// private finds what a file with something secret in it has: a Secret manifest, in YAML or
// JSON, or a private key in PEM or in the base64 of it. A file that cannot be parsed is
// searched too, so this does not ask for good form.
var private = regexp.MustCompile(`kind["']?\s*:\s*["']?Secret\b|PRIVATE KEY|` + encodedPEM)

// encodedPEM begins the base64 of PEM text.
const encodedPEM = "LS0tLS1CRUdJTi"

// redacted stands where a private key was cut.
const redacted = "… [redacted]"

// keyMarks are what a private key begins with, in PEM and in the base64 of it.
func keyMarks() []string { return []string{"PRIVATE KEY", encodedPEM} }

// withoutKeys formats a text as fmt.Sprintf does, without the private keys in it: findings
// quote what a person wrote, and that may be a key in the wrong place. Each value is cut where
// a key begins in it, and nothing of what follows there is shown; what the finding says of
// the value stays. Where a key is not within one value the text itself is cut.
func withoutKeys(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if BeforeKey(text) == text {
		return text
	}
	text = fmt.Sprintf(format, cutValues(args)...)
	for _, mark := range keyMarks() {
		// A value has nothing after the cut, so only our own words can follow it.
		if strings.Contains(strings.ReplaceAll(text, mark+redacted, ""), mark) {
			return BeforeKey(text)
		}
	}
	return text
}

// telling is the length from which on a piece of a key is one.
const telling = 8

// cutValues cuts the values that hold a key, and those that are a piece of what was cut.
func cutValues(args []any) []any {
	var holding strings.Builder
	for _, a := range args {
		if text := fmt.Sprint(a); BeforeKey(text) != text {
			holding.WriteString(text + "\n")
		}
	}
	out := slices.Clone(args)
	for i, a := range args {
		switch text := fmt.Sprint(a); {
		case BeforeKey(text) != text:
			out[i] = BeforeKey(text)
		case len(text) >= telling && strings.Contains(holding.String(), text):
			out[i] = redacted
		}
	}
	return out
}

// BeforeKey returns a text up to where a private key begins: all of a text without one.
func BeforeKey(text string) string {
	for _, mark := range keyMarks() {
		if i := strings.Index(text, mark); i >= 0 {
			text = text[:i+len(mark)] + redacted
		}
	}
	return text
}
