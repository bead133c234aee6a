package policytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/resource"
)

// token is one that requests carry.
type token struct {
	compact string
	// trusted is what it says, where its signature is taken for that of its issuer; without fields where it is verified.
	trusted traffic.Object
}

// made makes the tokens. Those that cannot be made are left out.
func (m maker) made() (map[string]token, []error) {
	out := make(map[string]token, len(m.spec.GetTokens()))
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(m.spec.GetTokens())) {
		made, err := m.token(m.spec.GetTokens()[name])
		if err != nil {
			faults = append(faults, fmt.Errorf("token %s: %w", name, err))
		}
		out[name] = made
	}
	return out, faults
}

// standardLife is how long a token lives that does not say it.
const standardLife = time.Hour

func (m maker) token(t *portreevev1alpha1.TestToken) (token, error) {
	if t.GetRaw() != "" {
		return token{compact: t.GetRaw()}, nil
	}
	life := standardLife
	if t.GetExpires() != nil {
		life = t.GetExpires().AsDuration()
	}
	claims := map[string]any{"iss": m.issuer(t.GetIssuer()), "iat": m.at.Add(min(0, life)).Unix(), "exp": m.at.Add(life).Unix()}
	maps.Copy(claims, t.GetClaims().AsMap())
	if m.how.Sign == nil {
		compact, said, err := explain.Assumed(claims)
		return token{compact: compact, trusted: said}, err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return token{}, fmt.Errorf("write its claims: %w", err)
	}
	compact, err := m.how.Sign(t.GetIssuer(), payload)
	return token{compact: compact}, err
}

func (m maker) issuer(name string) string {
	for _, issuer := range m.spec.GetIssuers() {
		if issuer.GetName() == name {
			return issuer.GetIssuer()
		}
	}
	return ""
}

// filled replaces what stands for tokens.
func (m maker) filled(text string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	return resource.FillTokens(text, func(name string) string { return m.tokens[name].compact })
}

// addTokens adds the headers, and what the tokens in the request say.
func (m maker) addTokens(ask *explain.Request, r *portreevev1alpha1.TestRequest) {
	add := func(name, value string) {
		ask.Headers = append(ask.Headers, traffic.Header{Name: name, Value: m.filled(value)})
	}
	if r.GetToken() != "" {
		add("authorization", "Bearer "+m.tokens[r.GetToken()].compact)
	}
	for _, name := range slices.Sorted(maps.Keys(r.GetHeaders())) {
		add(strings.ToLower(name), r.GetHeaders()[name])
	}
	for _, h := range r.GetFurtherHeaders() {
		add(strings.ToLower(h.GetName()), h.GetValue())
	}
	for _, t := range m.tokens {
		if t.trusted.Fields != nil {
			if ask.Trusted == nil {
				ask.Trusted = map[string]traffic.Object{}
			}
			ask.Trusted[t.compact] = t.trusted
		}
	}
}
