package role

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// provider is an issuer of tokens, and what its tokens may.
type provider struct {
	issuer, audience string
	granted          []granted
	// keys are those that were fetched last; nil until then.
	keys *atomic.Pointer[oidc.StaticKeySet]
	// stale says that a token was signed with none of them.
	stale chan struct{}
}

var _ oidc.KeySet = (*provider)(nil)

func newProvider() *provider {
	return &provider{keys: new(atomic.Pointer[oidc.StaticKeySet]), stale: make(chan struct{}, 1)}
}

var errNoKeys = errors.New("no keys are known")

// VerifySignature implements oidc.KeySet. It asks nobody: keys are fetched elsewhere, so a dead issuer holds up no caller.
func (p *provider) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	keys := p.keys.Load()
	if keys == nil {
		return nil, errNoKeys
	}
	payload, err := keys.VerifySignature(ctx, token)
	if err != nil {
		select {
		case p.stale <- struct{}{}:
		default:
		}
	}
	return payload, err
}

// algorithms are the asymmetric ones: a public key must never count as a shared secret, and what is not signed is nothing.
func algorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
}

// verify says what a token of the issuer may. Errors of the library quote claims, so none is passed on.
func (p *provider) verify(ctx context.Context, token string, now func() time.Time) (Caller, *Refusal) {
	if p.keys.Load() == nil {
		return Caller{}, noKeys()
	}
	config := &oidc.Config{ClientID: p.audience, SupportedSigningAlgs: algorithms(), Now: now}
	verified, err := oidc.NewVerifier(p.issuer, p, config).Verify(ctx, token)
	if expired := new(oidc.TokenExpiredError); errors.As(err, &expired) {
		return Caller{}, expiredToken()
	}
	if err != nil {
		return Caller{}, badToken()
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return Caller{}, badToken()
	}
	out := Caller{Name: p.issuer}
	for _, g := range p.granted {
		if g.role > out.Role && holds(claims[g.claim], g.value) {
			out.Role = g.role
		}
	}
	return out, nil
}

// holds reports whether a claim is a value, or a list that has it.
func holds(claim any, value string) bool {
	switch c := claim.(type) {
	case string:
		return c == value
	case []any:
		return slices.Contains(c, any(value))
	default:
		return false
	}
}
