package words

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryDetailOfAnAnswerHasAMeaning goes through the strings that explain gives: a log has the same.
func TestEveryDetailOfAnAnswerHasAMeaning(t *testing.T) {
	given := regexp.MustCompile(`(?:Details: +|refuse\(\d+, )"([^"]+)"`)
	found := 0
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(".."), path)
		if err != nil {
			return err
		}
		for _, m := range given.FindAllStringSubmatch(string(content), -1) {
			found++
			if meaning, known := Details(m[1]); !known || meaning.Says == "" {
				t.Errorf("%s: nothing is said of %s", path, m[1])
			}
		}
		return nil
	})
	if err != nil || found < 15 {
		t.Errorf("%d strings were found: %v", found, err)
	}
}

// TestDetailsAreReadExactly holds for what names rules, for texts of tokens, and for what is none.
func TestDetailsAreReadExactly(t *testing.T) {
	for text, want := range map[string]Meaning{
		"rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]]": {Rule: "ns[a]-policy[b]-rule[0]"},
		`"ns[a]-policy[b]-rule[0]"`:                                  {Rule: "ns[a]-policy[b]-rule[0]"},
		"rbac_access_denied_matched_policy[malformed-path]":          {Rule: "malformed-path"},
		"jwt_authn_access_denied{Jwt_header_[alg]_is_not_supported}": {},
		"jwt_authn_access_denied{Jwt_payload_is_an_invalid_JSON}":    {},
		"http1.codec_error":                {},
		"RBAC: access denied":              {},
		"Audiences in Jwt are not allowed": {},
		`[2026-01-31T12:00:00.000Z] "GET /a HTTP/1.1" 403 - rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]] - "-" 0 19 "ns[a]-policy[b]-rule[0]"`: {Rule: "ns[a]-policy[b]-rule[0]"},
		`{"path":"/a","response_code_details":"jwt_authn_access_denied{Jwt_is_expired}","user_agent":"curl"}`:                                                {},
		"upstream_reset_before_response_started{connection_termination}":                                                                                     {},
	} {
		if got, known := Details(text); !known || got.Says == "" || got.Rule != want.Rule {
			t.Errorf("%s: %+v, %v", text, got, known)
		}
	}
	for _, text := range []string{"", "-", "hello", "jwt_authn_access_denied{hello}", `"GET /" "via_upstream" rbac_access_denied_matched_policy[none]`} {
		if got, known := Details(text); known {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
