package diag

import (
	"regexp"
	"strings"
)

// private finds what a file with something secret in it has: a Secret manifest, in YAML or
// JSON, or a private key in PEM or in the base64 of it. A file that cannot be parsed is
// searched too, so this does not ask for good form.
var private = regexp.MustCompile(`kind["']?\s*:\s*["']?Secret\b|PRIVATE KEY|` + encodedPEM)

// encodedPEM begins the base64 of PEM text.
const encodedPEM = "LS0tLS1CRUdJTi"

// withoutKeys cuts a text where a private key begins: findings quote what a person wrote,
// and that may be a key in the wrong place.
func withoutKeys(text string) string {
	for _, begin := range []string{"PRIVATE KEY", encodedPEM} {
		if i := strings.Index(text, begin); i >= 0 {
			text = text[:i+len(begin)] + "… [redacted]"
		}
	}
	return text
}
