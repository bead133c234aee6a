package diag

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// private finds what a file with something secret in it has: a Secret manifest, in YAML or
// JSON, or a private key in PEM or in the base64 of it. A file that cannot be parsed is
// searched too, so this does not ask for good form.
var private = regexp.MustCompile(`kind["']?\s*:\s*["']?Secret\b|PRIVATE KEY|` + encodedPEM)

// member finds a private member of a key in a JSON Web Key, and the one of a symmetric key, in
// JSON, in YAML, and in JSON that is quoted in either.
var member = regexp.MustCompile(`\b(?:k|d|p|q|dp|dq|qi|oth)["'\\]*\s*:[\s"'\\>|\[{-]*[A-Za-z0-9+/_=]`)

// keySet finds a value that is a key set, or the beginning of one.
var keySet = regexp.MustCompile(`["'\\](?:keys|kty|k|d|p|q|dp|dq|qi|oth)["'\\]+\s*:`)

// holdsSecret reports whether a file has something secret in it. It errs on the side of
// silence: that no line is quoted is little to lose.
func holdsSecret(content []byte) bool {
	return private.Match(content) || bytes.Contains(content, []byte("kty")) && member.Match(content)
}

// beforeKeySet returns a value up to where a key set begins in it: all of a value without one.
func beforeKeySet(text string) string {
	at := keySet.FindStringIndex(text)
	if at == nil {
		return text
	}
	if i := strings.IndexByte(text[:at[0]], '{'); i >= 0 {
		at[0] = i
	}
	return text[:at[0]] + redacted
}

// withoutKeySets returns the values without the key sets in them, which hold secrets at times.
func withoutKeySets(values []any) []any {
	out := slices.Clone(values)
	for i, v := range values {
		text := fmt.Sprint(v)
		if before := beforeKeySet(text); before != text {
			out[i] = before
		}
	}
	return out
}

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
	args = withoutKeySets(args)
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
