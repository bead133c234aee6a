package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
)

// claimsOf verifies what the token verb prints with the key set that it prints, and returns the claims.
func claimsOf(t *testing.T, args ...string) (keys string, claims map[string]any) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"token", "-o", "json"}, args...), &out, &errs); code != exitClean {
		t.Fatalf("token %v: exit %d: %s", args, code, errs.String())
	}
	var got minted
	must(t, json.Unmarshal(out.Bytes(), &got))
	signed, err := jose.ParseSignedCompact(got.Token, []jose.SignatureAlgorithm{jose.RS256})
	must(t, err)
	payload, err := signed.Verify(got.JWKS)
	must(t, err)
	must(t, json.Unmarshal(payload, &claims))
	set, err := json.Marshal(got.JWKS)
	must(t, err)
	return string(set), claims
}

func TestTokensOfOneKeyFileHaveOneKeySet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer.key")
	made, _ := claimsOf(t, "--key", file)
	kept, _ := claimsOf(t, "--key", file, "--subject", "ada")
	other, _ := claimsOf(t)
	if kept != made || other == made {
		t.Errorf("the key sets of a file that was made, of the same, and of no file: %s, %s, %s", made, kept, other)
	}
	if strings.Contains(made, `"d":`) {
		t.Error("the private key is in the key set")
	}
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the private key: %v", info.Mode())
	}
}

func TestClaimsOfATokenMayBeOfAnyKind(t *testing.T) {
	_, got := claimsOf(t, "--claim", "role=reader", "--subject", "bob", "--claims", `{"sub": "ada", "id": 12345678901234567890, "realm_access": {"roles": ["auditor"]}}`)
	said, err := json.Marshal(got["realm_access"])
	must(t, err)
	if string(said) != `{"roles":["auditor"]}` || got["sub"] != "ada" || got["role"] != "reader" || got["exp"] == nil {
		t.Errorf("the claims are %v", got)
	}
}

func TestATokenIsNotMintedOfWhatIsNoKeyOrNoClaims(t *testing.T) {
	dir := t.TempDir()
	text, short := filepath.Join(dir, "text"), filepath.Join(dir, "short")
	write(t, text, "hush\n")
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(curve)
	must(t, err)
	ec := filepath.Join(dir, "ec")
	write(t, ec, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})))
	write(t, short, "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n")
	long := filepath.Join(dir, "long")
	write(t, long, strings.Repeat("\n", maxIssuerKey)+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})))
	for want, args := range map[string][]string{
		"text: it holds no private":  {"--key", text},
		"long: it holds no private":  {"--key", long},
		"no private key in PKCS #8":  {"--key", short},
		"no RSA key of 2048 bits":    {"--key", ec},
		"no such file or directory":  {"--key", filepath.Join(dir, "missing", "key")},
		"--claims is no JSON object": {"--claims", `["hush"]`},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"token"}, args...), &out, &errs)
		if code != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), want) || strings.Contains(errs.String(), "hush") {
			t.Errorf("token %v: exit %d, prints %q and says %q, want %q", args, code, out.String(), errs.String(), want)
		}
	}
	if left, err := os.ReadFile(text); err != nil || string(left) != "hush\n" {
		t.Errorf("a file that is no key was overwritten: %q, %v", left, err)
	}
}
