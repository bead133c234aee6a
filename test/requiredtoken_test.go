package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// tokens are those of a request, headers and the parameter ?access_token with their values
// in turn, and the status of its answer.
type tokens struct {
	want   int
	header []string
}

// TestARequiredTokenStaysRequiredBesideAnOptionalOne holds a token that a required rule leaves in place
// against an optional rule that looks there too: alone, and where that one also looks
// elsewhere. The token that is required must be there, and no bad one may be anywhere.
func TestARequiredTokenStaysRequiredBesideAnOptionalOne(t *testing.T) {
	envoytest.Require(t)
	key, other := newSigningKey(t), newSigningKey(t)
	required, optional := key.token(t, "required", nil), key.token(t, "optional", nil)
	forged, unknown := other.as(t, key).token(t, "optional", nil), key.token(t, "unknown", nil)
	header := func(token string) string { return "Bearer " + token }
	for name, c := range map[string]struct {
		rules string
		cases map[string]tokens
	}{
		"the same place": {
			"{issuer: required, presence: REQUIRED, forwardOriginalToken: true, KEYS}, {issuer: optional, KEYS}",
			map[string]tokens{
				"missing":              {401, nil},
				"required":             {200, []string{"Authorization", header(required)}},
				"only optional":        {401, []string{"Authorization", header(optional)}},
				"forged":               {401, []string{"Authorization", header(forged)}},
				"required and forged":  {401, []string{"Authorization", header(required), "?access_token", forged}},
				"required and unknown": {401, []string{"Authorization", header(required), "?access_token", unknown}},
			},
		},
		"one place in common": {
			`{issuer: required, presence: REQUIRED, forwardOriginalToken: true, fromHeaders: [{name: Authorization, prefix: "Bearer "}], KEYS}, {issuer: optional, KEYS}`,
			map[string]tokens{
				"missing":               {401, nil},
				"required":              {200, []string{"Authorization", header(required)}},
				"only optional":         {401, []string{"?access_token", optional}},
				"both":                  {200, []string{"Authorization", header(required), "?access_token", optional}},
				"forged elsewhere":      {401, []string{"Authorization", header(required), "?access_token", forged}},
				"unknown elsewhere":     {401, []string{"Authorization", header(required), "?access_token", unknown}},
				"no token elsewhere":    {401, []string{"Authorization", header(required), "?access_token", "nonsense"}},
				"forged in that place":  {401, []string{"Authorization", header(forged)}},
				"required in the wrong": {401, []string{"?access_token", required}},
			},
		},
		"two optional": {
			`{issuer: required, presence: REQUIRED, forwardOriginalToken: true, KEYS}, {issuer: optional, KEYS}, {issuer: cookie, fromHeaders: [{name: x-token}], KEYS}`,
			map[string]tokens{
				"missing":          {401, nil},
				"required":         {200, []string{"Authorization", header(required)}},
				"forged elsewhere": {401, []string{"Authorization", header(required), "X-Token", forged}},
				"another's token":  {401, []string{"Authorization", header(required), "X-Token", optional}},
				"both":             {200, []string{"Authorization", header(required), "X-Token", key.token(t, "cookie", nil)}},
			},
		},
		"a cookie stays": {
			`{issuer: required, presence: REQUIRED, fromCookies: [token], KEYS}, {issuer: optional, fromCookies: [token], KEYS}`,
			map[string]tokens{
				"missing":       {401, nil},
				"required":      {200, []string{"Cookie", "token=" + required}},
				"only optional": {401, []string{"Cookie", "token=" + optional}},
				"forged":        {401, []string{"Cookie", "token=" + forged}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
			dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": authentication(c.rules, keySet(t, key))})
			address := startPlane(t, dir).startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			for name, c := range c.cases {
				path, headers := "/", []string{}
				for i := 0; i < len(c.header); i += 2 {
					if c.header[i] == "?access_token" {
						path = "/?access_token=" + c.header[i+1]
					} else {
						headers = append(headers, c.header[i], c.header[i+1])
					}
				}
				if answer := ask(t, address, path, headers...); answer.Status != c.want {
					t.Errorf("%s: status %d, want %d: %s", name, answer.Status, c.want, answer.Body)
				}
			}
		})
	}
}

// authentication is a RequestAuthentication with the rules, in which KEYS stands for the keys.
func authentication(rules, jwks string) string {
	return "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: istio-system}\nspec: {jwtRules: [" +
		strings.ReplaceAll(rules, "KEYS", "jwks: '"+jwks+"'") + "]}\n"
}
