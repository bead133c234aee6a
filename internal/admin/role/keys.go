package role

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

// The bounds of what an issuer is asked, and how often.
const (
	fetchTime    = 10 * time.Second
	maxIssuer    = 1 << 20 // bytes of each answer
	maxKeys      = 100
	minRSABits   = 2048
	maxRSABits   = 8192
	freshTime    = 5 * time.Minute
	firstRetry   = time.Second
	lastRetry    = time.Minute
	betweenStale = 30 * time.Second
)

// fetch asks the issuer where its keys are, and for them. Those of before stay where it fails: a token names its own end.
func (p *provider) fetch(ctx context.Context, authorities []byte) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	client, err := issuerClient(authorities)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	discovered, err := oidc.NewProvider(oidc.ClientContext(ctx, client), p.issuer)
	if err != nil {
		return fmt.Errorf("ask the issuer of tokens for admin: %w", err)
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := discovered.Claims(&where); err != nil {
		return fmt.Errorf("read where the issuer has its keys: %w", err)
	}
	if err := secureURL(where.Keys); err != nil {
		return fmt.Errorf("the issuer's jwks_uri: %w", err)
	}
	keys, err := fetchKeys(ctx, client, where.Keys)
	if err != nil {
		return fmt.Errorf("fetch the keys of the issuer of tokens for admin: %w", err)
	}
	p.keys.Store(keys)
	return nil
}

func fetchKeys(ctx context.Context, client *http.Client, from string) (*oidc.StaticKeySet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", response.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, errors.New("it answered no key set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys: %d at most are read", len(set.Keys), maxKeys)
	}
	out := new(oidc.StaticKeySet)
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && signs(key) { // others are for others
			out.PublicKeys = append(out.PublicKeys, key.Key)
		}
	}
	if len(out.PublicKeys) == 0 {
		return nil, errors.New("it has no public key that signs")
	}
	return out, nil
}

// signs reports whether a key is a public one that may sign tokens. A symmetric one never is.
func signs(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSABits && k.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	default:
		return false
	}
}

// issuerClient is bounded in what it reads, and follows nobody to another place. It trusts the system's authorities, and those given.
func issuerClient(authorities []byte) (*http.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(authorities) > 0 && !pool.AppendCertsFromPEM(authorities) {
		return nil, errors.New("the file of authorities for the issuer of tokens has no certificate")
	}
	return &http.Client{
		Timeout: fetchTime,
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: maxIssuer, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the issuer leads elsewhere: name where it is")
		},
	}, nil
}

// bounded cuts answers that are too long: what reads them has no bound of its own.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.Transport.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxIssuer), response.Body}
	}
	return response, err
}
