package schema_test

import (
	"slices"
	"strings"
	"testing"
)

// TestFind holds which names lead where, and what is said of one that leads nowhere.
func TestFind(t *testing.T) {
	r := reference(t)
	for path, want := range map[string]string{
		"JWTPolicy":                               "JWTPolicy",
		"JWTPolicy.spec.jwt.jwksUri":              "jwksUri",
		"JWTPolicy.spec.jwt.jwks_uri":             "jwksUri",
		"AuthorizationPolicy.spec.rules[3].to[0]": "to",
		"EndpointSlice.endpoints.addresses":       "addresses",
		"JWTPolcy":                                `there is no kind "JWTPolcy"; did you mean JWTPolicy?`,
		"":                                        `there is no kind ""; there are JWTPolicy, AuthorizationPolicy,`,
		"JWTPolicy.spec.matchin":                  `JWTPolicy.spec has no field "matchin"; did you mean matching?`,
		"JWTPolicy.jwt":                           `JWTPolicy has no field "jwt"; there are spec`,
		"JWTPolicy.spec.jwt.issuer.name":          `JWTPolicy.spec.jwt.issuer has no field "name": it has no fields`,
		"JWTPolicy.spec.":                         `JWTPolicy.spec has no field ""; there are selector, enabled, jwt, matching`,
	} {
		topic, err := r.Find(path)
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case topic.Field != nil:
			got = topic.Field.Name
		default:
			got = topic.Kind.Name
		}
		if !strings.HasPrefix(got, want) || err == nil && got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}

// TestComplete holds which paths a shell is offered.
func TestComplete(t *testing.T) {
	r := reference(t)
	for begun, want := range map[string][]string{
		"JWT":                   {"JWTPolicy"},
		"JWTPolicy.spec.ma":     {"JWTPolicy.spec.matching"},
		"JWTPolicy.spec.jwt.is": {"JWTPolicy.spec.jwt.issuer"},
		"NoKind.spec.":          nil,
		"JWTPolicy.":            {"JWTPolicy.spec"},
	} {
		if got := r.Complete(begun); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", begun, got, want)
		}
	}
	if got := r.Complete(""); len(got) != len(r.Kinds) {
		t.Errorf("nothing yet: got %v", got)
	}
}

// TestSchemasAreTheSameEachTime holds that equal input gives equal bytes.
func TestSchemasAreTheSameEachTime(t *testing.T) {
	first, err := reference(t).JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := reference(t).JSONSchema()
		if err != nil || string(again) != string(first) {
			t.Fatalf("another schema, or %v", err)
		}
	}
}
