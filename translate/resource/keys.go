package resource

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/portreeve/portreeve/internal/diag"
)

// keys checks where a rule's keys come from.
func (c *checker) keys(path Path, jwks, uri string) {
	if jwks != "" && uri != "" {
		c.add(diag.CodeJWKSBoth, path.Field("jwksUri"), "both jwks and jwksUri are set").WithHint("keep one of them")
	}
	if uri != "" {
		c.keysURI(path.Field("jwksUri"), uri)
	}
	if jwks != "" {
		c.keySet(path.Field("jwks"), jwks)
	}
}

func (c *checker) keysURI(path Path, uri string) {
	u, err := url.Parse(uri)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || len(uri) > 2048 {
		c.add(diag.CodeJWKSURI, path, "%q is not the address of a key set", uri).WithHint("an http or https URL of at most 2048 characters")
		return
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			c.add(diag.CodeJWKSURI, path, "%q is not a port", port).WithHint("1 to 65535")
		}
	}
}

// keySet refuses a key set that Envoy would refuse, and one without any key: no token
// could ever be valid, which nobody writes on purpose. Every key has to be readable: a
// set in which one is broken is more likely half a paste than meant.
func (c *checker) keySet(path Path, text string) {
	keys, err := parseKeys(text)
	if err != nil {
		c.add(diag.CodeJWKS, path, "the key set cannot be read: %v", err).WithHint(`JSON of the form {"keys": [{"kty": "RSA", "n": "…", "e": "AQAB"}]}`)
		return
	}
	if len(keys) == 0 {
		c.add(diag.CodeJWKS, path, "the key set has no key, so every token would be refused").WithHint("add the issuer's public keys")
	}
	for _, k := range keys {
		if !k.Valid() {
			c.add(diag.CodeJWKS, path, "the key %q is not a valid key", k.KeyID).WithHint("RSA, EC, OKP or oct keys")
		} else if !k.IsPublic() {
			c.add(diag.CodeJWKSPrivate, path, "the key set holds a private or symmetric key").WithHint("whoever reads this file can sign tokens; publish public keys only")
		}
	}
}

// parseKeys reads a JWKS, or a single JWK.
func parseKeys(text string) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys *[]jose.JSONWebKey `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, err
	}
	if set.Keys != nil {
		return *set.Keys, nil
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		return nil, err
	}
	return []jose.JSONWebKey{key}, nil
}

var headerName = regexp.MustCompile(`^[-_A-Za-z0-9]+$`)

func (c *checker) headerName(path Path, name string) {
	if !headerName.MatchString(name) {
		c.add(diag.CodeHeaderName, path, "%q is not a header name", name).WithHint("letters, digits, - and _")
	}
}

func (c *checker) nonEmpty(path Path, values []string) {
	for i, v := range values {
		if v == "" {
			c.add(diag.CodeEmptyValue, path.Field(i), "%s has an empty value", path).WithHint("leave it out, or write what is meant")
		}
	}
}
