package diag_test

import (
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/diag"
)

// TestNoExcerptOfASecret holds that no line is shown of a file that holds something secret,
// whatever form it has, and that others show theirs.
func TestNoExcerptOfASecret(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		hidden  bool
	}{
		"a Secret":                     {"apiVersion: v1\nkind: Secret\nstringData: {a: hush}\n", true},
		"in JSON":                      {"{\"kind\" : \"Secret\",\n\n\"stringData\": {\"a\": \"hush\"}}", true},
		"that is broken":               {"kind: 'Secret'\n\nstringData: {a: hush\n", true},
		"beside others":                {"kind: Gateway\n---\na: hush\n---\nkind: Secret\n", true},
		"a key in PEM":                 {"a\n-----BEGIN EC PRIVATE KEY-----\nhush\n", true},
		"a key in base64":              {"a: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==\n\nhush\n", true},
		"a policy":                     {"kind: Gateway\n\nhush\n", false},
		"a policy that speaks of keys": {"# kind of secret\nsecret: no\nhush\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			l := diag.List{diag.New(diag.CodeYAML, diag.Position{File: "a", Line: 3, Column: 1}, "m")}
			if err := l.WriteText(&b, func(string) []byte { return []byte(c.content) }); err != nil {
				t.Fatal(err)
			}
			if hidden := !strings.Contains(b.String(), "hush"); hidden != c.hidden {
				t.Errorf("it shows\n%s", &b)
			}
		})
	}
}

// TestNoFindingQuotesAKey holds that messages and hints end where a key begins, in whatever
// form a check quotes it.
func TestNoFindingQuotesAKey(t *testing.T) {
	for _, text := range []string{"-----BEGIN PRIVATE KEY-----\nhush", "-----BEGIN RSA PRIVATE KEY----- hush", "LS0tLS1CRUdJTiBQUklWhush"} {
		for _, format := range []string{"%s is not a path", "%q is not a path"} {
			d := diag.New(diag.CodeSecret, diag.Position{}, format, text).WithHint(format, text)
			if strings.Contains(d.String(), "hush") || !strings.Contains(d.String(), "[redacted]") {
				t.Errorf("it says %s", d)
			}
		}
	}
	if d := diag.New(diag.CodeSecret, diag.Position{}, "%q is not a path", "keys"); d.Message != `"keys" is not a path` {
		t.Errorf("it says %s", d)
	}
}

// TestSortedKeepsTheReachOfBoth holds that of two equal findings the one that stays reaches
// what both reach.
func TestSortedKeepsTheReachOfBoth(t *testing.T) {
	finding := func(label string) diag.Diagnostic {
		d := diag.New(diag.CodeSecret, diag.Position{File: "a"}, "m")
		d.Reach = diag.Limited(diag.Target{Labels: map[string]string{"a": label}})
		return d
	}
	got := diag.List{finding("one"), finding("two")}.Sorted()
	if len(got) != 1 || len(got[0].Reach.Targets()) != 2 {
		t.Errorf("%d findings, which reach %v", len(got), got[0].Reach)
	}
}
