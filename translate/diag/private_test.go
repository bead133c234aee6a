package diag_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
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
		"a symmetric key":              {"jwks: |\n  {\"keys\": [{\"kty\": \"oct\",\nhush: \"k\": \"c2VjcmV0\"}]}\n", true},
		"a symmetric key in quotes":    {"jwks: \"{\\\"keys\\\":[{\\\"k\\\":\\\"c2VjcmV0\\\",\\\"kty\\\":\\\"oct\\\"}]}\"\n\nhush\n", true},
		"a private member":             {"jwks: '{\"keys\":[{\"kty\":\"EC\",\"d\":\"c2VjcmV0\"}]}'\n\nhush\n", true},
		"keys in YAML":                 {"keys:\n- kty: oct\n  hush: a\n  k: c2VjcmV0\n", true},
		"a public key":                 {"jwks: '{\"keys\":[{\"kty\":\"EC\",\"x\":\"c2VjcmV0\"}]}'\n\nhush\n", false},
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

// TestNoFindingQuotesAKey holds that no message and no hint shows anything of a key, in
// whatever form a check quotes it, and that what they say of the value stays.
func TestNoFindingQuotesAKey(t *testing.T) {
	for _, key := range []string{
		"-----BEGIN PRIVATE KEY-----\nhush", "-----BEGIN RSA PRIVATE KEY----- hush", "LS0tLS1CRUdJTiBQUklWhush", "LS0tLS1CRUdJTiBQUklW\nhush PRIVATE KEY hush",
		`-----BEGIN PRIVATE KEY-----" is hush, "hush`, "a PRIVATE KEY… [redacted] hush", "PRIVATE KEY PRIVATE KEY hush",
	} {
		for _, format := range []string{"%s is not a path", "%q is not a path", "%v is not a path"} {
			for _, value := range []any{key, errors.New(key), []string{"a", key}, resource(key)} {
				d := diag.New(diag.CodeSecret, diag.Position{}, format, value).WithHint(format, value)
				if strings.Contains(d.String(), "hush") || strings.Count(d.String(), "[redacted]") != 2 {
					t.Errorf("it says %s", d)
				}
				if strings.Count(d.String(), "is not a path") != 2 {
					t.Errorf("the end is missing: %s", d)
				}
			}
		}
	}
	for name, d := range map[string]diag.Diagnostic{
		"a key that our own words begin": diag.New(diag.CodeSecret, diag.Position{}, "-----BEGIN PRIVATE KEY-----%s", "hush"),
		"a piece of it beside it":        diag.New(diag.CodeSecret, diag.Position{}, "%s: line %q", "-----BEGIN PRIVATE KEY-----\nMII hush hush", "MII hush hush"),
		"quoted in plain letters":        diag.New(diag.CodeSecret, diag.Position{}, "%+q", "-----BEGIN PRIVATE KEY-----hush"),
		"put together before":            diag.New(diag.CodeSecret, diag.Position{}, "%s", `"-----BEGIN PRIVATE KEY-----" hush`),
	} {
		if strings.Contains(d.String(), "hush") {
			t.Errorf("%s: it says %s", name, d)
		}
	}
	if d := diag.New(diag.CodeSecret, diag.Position{}, "%q is not a path", "keys"); d.Message != `"keys" is not a path` {
		t.Errorf("it says %s", d)
	}
}

// TestNoFindingQuotesAKeySet holds that no message shows anything of a key set, whole or cut.
func TestNoFindingQuotesAKeySet(t *testing.T) {
	for _, set := range []string{
		`{"keys":[{"kty":"oct","k":"hush"}]}`, `{"k":"hush`, ` {"k" : "hush"`, `[{'d': 'hush'}]`, `"{\"keys\": hush`, `{"kid": "hush", "kty": "RSA"}`,
	} {
		for _, value := range []any{set, errors.New(set), []string{"a", set}, resource(set)} {
			d := diag.New(diag.CodeSecret, diag.Position{}, "%v is not a path", value).WithHint("quote it: %q, or {\"keys\": []}", value)
			if strings.Contains(d.String(), "hush") || !strings.HasSuffix(d.Message, "is not a path") || !strings.HasSuffix(d.Hint, `or {"keys": []}`) {
				t.Errorf("it says %s", d)
			}
		}
	}
}

// resource is a value that says what it is, as the keys of objects do.
type resource string

func (r resource) String() string { return "Secret " + string(r) }

// TestSortedKeepsTheReachOfBoth holds that of two equal findings the one that stays reaches
// what both reach.
func TestSortedKeepsTheReachOfBoth(t *testing.T) {
	diagnostic := func(label string) diag.Diagnostic {
		d := diag.New(diag.CodeSecret, diag.Position{File: "a"}, "m")
		d.Scope = diag.Limited(diag.Target{Labels: map[string]string{"a": label}})
		return d
	}
	got := diag.List{diagnostic("one"), diagnostic("two")}.Sorted()
	if len(got) != 1 || len(got[0].Scope.Targets()) != 2 {
		t.Errorf("%d findings, which reach %v", len(got), got[0].Scope)
	}
}
