package role

import (
	"fmt"
	"strings"
	"testing"
)

const goodHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObGRdescudvJCs"

// TestAMistakeInTheFileHasItsPlace holds that whatever is wrong is an error with its place, and never shows what stands there.
func TestAMistakeInTheFileHasItsPlace(t *testing.T) {
	token := `tokens: [{name: a, role: viewer, hash: "` + goodHash + `"}]`
	for content, want := range map[string]string{
		token:          "",
		"tokens: []\n": "",
		"certificates: [{name: a, role: operator}]":                                                             "",
		"oidc: {issuer: https://issuer.example, audience: a, roles: [{claim: groups, value: x, role: viewer}]}": "",
		"":                                  "roles.yaml: it is empty",
		"# nothing\n":                       "roles.yaml: it is empty",
		"---\n":                             "roles.yaml:",
		"a: [":                              "roles.yaml: yaml: line 1",
		token + "\n---\n" + token:           "want one YAML document",
		"- a":                               "roles.yaml:1:1: want an object with tokens, certificates, oidc",
		"tokens: {a: b}":                    "roles.yaml:1:9: want a list",
		"tokens:\n- hidden":                 "roles.yaml:2:3: want an object",
		"hidden: []":                        "roles.yaml:1:1: unknown field: want tokens, certificates, oidc",
		"tokens: []\ntokens: []":            "roles.yaml:2:1: tokens stands there twice",
		"tokens: [{name: a, role: viewer}]": "roles.yaml:1:10: hash is missing",
		"tokens: [&x {name: a}, *x]":        "want an object",
		"<<: {tokens: []}":                  "unknown field",
		`tokens: [{name: a, role: viewer, hash: hidden}]`:                                      "roles.yaml:1:40: want what portreeve admin-token prints",
		strings.Replace(token, "viewer", "hidden", 1):                                          "roles.yaml:1:26: want the role viewer or operator",
		strings.Replace(token, "viewer", "nobody", 1):                                          "want the role viewer or operator",
		strings.Replace(token, "viewer", "[viewer]", 1):                                        "want a text",
		strings.Replace(token, "name: a", "name: a.hidden", 1):                                 "roles.yaml:1:17: a token's name has",
		strings.Replace(token, "name: a", "name: 1", 1):                                        "want a text: put it in quotes",
		strings.Replace(token, "name: a", `name: ""`, 1):                                       "want a text of 1",
		strings.Replace(token, "[{", "[{more: hidden, ", 1):                                    "roles.yaml:1:11: unknown field",
		strings.Replace(token, "]", `, {name: a, role: operator, hash: "`+goodHash+`"}]`, 1):   "another token has this name",
		"certificates: [{name: a, role: viewer}, {name: a, role: operator}]":                   "another certificate has this name",
		"oidc: {issuer: http://issuer.example, audience: a, roles: []}":                        "roles.yaml:1:16: want an address such as https://",
		"oidc: {issuer: https://hidden@issuer.example, audience: a, roles: []}":                "want an address such as https://",
		"oidc: {issuer: https://issuer.example, roles: []}":                                    "audience is missing",
		"certificates: [" + strings.Repeat("{name: a, role: viewer},", maxEntries) + "{a: b}]": "1001 items: want 1000 at most",
	} {
		_, err := parse("roles.yaml", []byte(content))
		switch said := fmt.Sprint(err); {
		case want == "" && err != nil, want != "" && !strings.Contains(said, want):
			t.Errorf("%.100q: %s; want %s", content, said, want)
		case strings.Contains(said, "hidden"):
			t.Errorf("%.100q: it shows what stands there: %s", content, said)
		}
	}
	if _, err := parse("roles.yaml", []byte("tokens: ["+strings.Repeat("{},", 900)+"]")); err == nil || strings.Count(err.Error(), "roles.yaml") != maxFaults {
		t.Errorf("it tells %d mistakes", strings.Count(fmt.Sprint(err), "roles.yaml"))
	}
}

// FuzzParse holds that no file crashes its reader.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "---", "tokens: [{name: a, role: viewer, hash: \"" + goodHash + "\"}]", "oidc: {issuer: a}", "certificates: [{}]", "&a [*a]", "? {a: b}\n: c"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) { _, _ = parse("f", content) })
}
