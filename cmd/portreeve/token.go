package main

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"
)

// minted is what the token verb prints: the public key set, and a token signed with its key.
type minted struct {
	JWKS  jose.JSONWebKeySet `json:"jwks"`
	Token string             `json:"token"`
}

type mint struct {
	formatFlag
	issuer, subject string
	audiences       []string
	claims          map[string]string
	object, key     string
	expires         time.Duration
}

func tokenCommand() *cobra.Command {
	var m mint
	c := &cobra.Command{
		Use:   "token",
		Short: "Mint a demo key set and a token for it",
		Long: "Mint a token, and print it with the public key set that verifies it. For trying things out. The key pair is a new one " +
			"whose private key is thrown away; --key keeps it in a file, for more tokens of the same issuer.",
		Example: `  portreeve token --issuer https://issuer.example --audience shop --claim role=admin
  portreeve token --key issuer.key --subject ada --claims '{"realm_access": {"roles": ["auditor"]}}'
  portreeve token --expires -5m -o json | jq -r .token`,
		Args: cobra.NoArgs,
		RunE: m.run,
	}
	m.register(c, "text", "text", "json", "yaml")
	c.Flags().StringVar(&m.issuer, "issuer", "testing@portreeve.dev", "The iss claim.")
	c.Flags().StringVar(&m.subject, "subject", "testing@portreeve.dev", "The sub claim.")
	c.Flags().StringSliceVar(&m.audiences, "audience", nil, "The aud claims.")
	c.Flags().StringToStringVar(&m.claims, "claim", nil, "Further claims, name=value: each is a text.")
	c.Flags().StringVar(&m.object, "claims", "", "Further claims of any kind, as a JSON object; they take the place of others of the same name.")
	c.Flags().StringVar(&m.key, "key", "", "The file of the private key, PEM. Where there is none yet it is made.")
	c.Flags().DurationVar(&m.expires, "expires", time.Hour, "How long the token is valid.")
	takes(c, "issuer", given("ISSUER", nil))
	takes(c, "expires", anyDuration())
	takes(c, "key", aPEMFile())
	return c
}

func (m *mint) run(c *cobra.Command, _ []string) error {
	claims, err := m.payload(time.Now())
	if err != nil {
		return err
	}
	key, err := issuerKey(m.key)
	if err != nil {
		return err
	}
	out, err := minting(key, claims)
	if err != nil {
		return err
	}
	return m.print(c.OutOrStdout(), out, func(w io.Writer) error {
		keys, err := json.Marshal(out.JWKS)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "jwks: %s\ntoken: %s\n", keys, out.Token)
		return err
	})
}

// minting signs the claims, and names the key by what it is, so that a kept key has one name.
func minting(key *rsa.PrivateKey, claims map[string]any) (minted, error) {
	private := jose.JSONWebKey{Key: key, Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := private.Thumbprint(crypto.SHA256)
	if err != nil {
		return minted{}, fmt.Errorf("name the key: %w", err)
	}
	private.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return minted{}, fmt.Errorf("make signer: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return minted{}, fmt.Errorf("make payload: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return minted{}, fmt.Errorf("sign token: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return minted{}, fmt.Errorf("sign token: %w", err)
	}
	return minted{JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}, Token: token}, nil
}

func (m *mint) payload(now time.Time) (map[string]any, error) {
	out := map[string]any{"iss": m.issuer, "sub": m.subject, "iat": now.Unix(), "exp": now.Add(m.expires).Unix()}
	if len(m.audiences) > 0 {
		out["aud"] = m.audiences
	}
	for name, value := range maps.All(m.claims) {
		out[name] = value
	}
	if m.object == "" {
		return out, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(m.object), &object); err != nil || object == nil {
		return nil, errors.New("--claims is no JSON object")
	}
	for name, value := range maps.All(object) {
		out[name] = value
	}
	return out, nil
}
