package verdicttest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Signed is a request with its tokens signed.
type Signed struct {
	Request
	// Token is the first token in its compact form.
	Token string
	fill  *strings.Replacer
}

// Sign signs the request's tokens.
func (k *Keys) Sign(r Request) (Signed, error) {
	first, err := k.token(r.Token)
	if err != nil {
		return Signed{}, fmt.Errorf("request %s: %w", r.Name, err)
	}
	second, err := k.token(r.Second)
	if err != nil {
		return Signed{}, fmt.Errorf("request %s: %w", r.Name, err)
	}
	parts := append(strings.Split(first, "."), "", "")
	return Signed{Request: r, Token: first, fill: strings.NewReplacer("${token}", first, "${second}", second, "${payload}", parts[1])}, nil
}

// HTTP returns the request as a client sends it.
func (s Signed) HTTP(ctx context.Context) (*http.Request, error) {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	out, err := http.NewRequestWithContext(ctx, method, s.fill.Replace(s.URL), nil)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", s.Name, err)
	}
	for name, value := range s.Headers {
		out.Header.Set(name, s.fill.Replace(value))
	}
	for name, value := range s.Again {
		out.Header.Add(name, s.fill.Replace(value))
	}
	return out, nil
}

// Reaches returns the value of a header with which the backend must see a request, and whether it
// must see the header at all.
func (p *Policy) Reaches(header string, s Signed) (string, bool) {
	value, listed := p.Backend[header][s.Name]
	return s.fill.Replace(value), listed
}
