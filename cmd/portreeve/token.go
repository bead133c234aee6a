package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"
)

// minted is what the token verb prints: a key pair that exists nowhere else, and a token
// signed with it.
type minted struct {
	JWKS  jose.JSONWebKeySet `json:"jwks"`
	Token string             `json:"token"`
}

type mint struct {
	formatFlag
	issuer, subject string
	audiences       []string
	claims          map[string]string
	expires         time.Duration
}

func tokenCommand() *cobra.Command {
	var m mint
	c := &cobra.Command{
		Use:   "token",
		Short: "Mint a demo key set and a token for it",
		Long:  "Mint a new key pair, print its public key set and a token that it signs. For trying things out: the private key is thrown away.",
		Example: `  portreeve token --issuer https://issuer.example --audience shop --claim role=admin
  portreeve token --expires -5m -o json | jq -r .token`,
		Args: cobra.NoArgs,
		RunE: m.run,
	}
	m.register(c, "text", "text", "json", "yaml")
	c.Flags().StringVar(&m.issuer, "issuer", "testing@portreeve.dev", "The iss claim.")
	c.Flags().StringVar(&m.subject, "subject", "testing@portreeve.dev", "The sub claim.")
	c.Flags().StringSliceVar(&m.audiences, "audience", nil, "The aud claims.")
	c.Flags().StringToStringVar(&m.claims, "claim", nil, "Further claims, name=value.")
	c.Flags().DurationVar(&m.expires, "expires", time.Hour, "How long the token is valid.")
	takes(c, "issuer", given("ISSUER", nil))
	takes(c, "expires", anyDuration())
	return c
}

func (m *mint) run(c *cobra.Command, _ []string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.RS256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return fmt.Errorf("make signer: %w", err)
	}
	payload, err := json.Marshal(m.payload(time.Now()))
	if err != nil {
		return fmt.Errorf("make payload: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return fmt.Errorf("sign token: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return fmt.Errorf("sign token: %w", err)
	}
	out := minted{JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}, Token: token}
	return m.print(c.OutOrStdout(), out, func(w io.Writer) error {
		keys, err := json.Marshal(out.JWKS)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "jwks: %s\ntoken: %s\n", keys, out.Token)
		return err
	})
}

func (m *mint) payload(now time.Time) map[string]any {
	out := map[string]any{"iss": m.issuer, "sub": m.subject, "iat": now.Unix(), "exp": now.Add(m.expires).Unix()}
	if len(m.audiences) > 0 {
		out["aud"] = m.audiences
	}
	for name, value := range maps.All(m.claims) {
		out[name] = value
	}
	return out
}
