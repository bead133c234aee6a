package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// clockSkew is how many seconds Envoy gives clocks.
const clockSkew = 60

// provider is one issuer's tokens, and what becomes of them.
type provider struct {
	// key is its name in the filter. title names it so that no other provider has the same.
	key, issuer, title string
	places             []place
	audiences          audiences
	skew               uint64
	// keys are those of a local set. remote is the address from which the gateway fetches them.
	keys   []key
	remote string
	// wants is what a finding says of it.
	wants string
	forward
}

// forward is what a verified token leaves behind.
type forward struct {
	// keep says that it stays in the request.
	keep          bool
	payloadHeader string
	padded        bool
	claims        []claimHeader
	// sanitized are the headers that no client may send, in lower case.
	sanitized             []string
	payloadKey, headerKey string
	spaceDelimited        []string
	clearsRoute           bool
}

// claimHeader is a claim that is copied to a header.
type claimHeader struct {
	header string
	path   []string
}

func newProvider(key string, p *jwtauthnv3.JwtProvider) (*provider, error) {
	out := &provider{
		key: key, issuer: p.GetIssuer(), title: quote(p.GetIssuer()), places: placesOf(p),
		audiences: audiencesOf(p.GetAudiences()), skew: clockSkew, forward: forwardOf(p),
	}
	if s := p.GetClockSkewSeconds(); s > 0 {
		out.skew = uint64(s)
	}
	if out.issuer == "" {
		out.title = "any issuer"
	}
	switch {
	case p.GetSubjects() != nil, p.GetRequireExpiration(), p.GetMaxLifetime() != nil, p.GetFailedStatusInMetadata() != "":
		return nil, fmt.Errorf("provider %s: subjects, require_expiration, max_lifetime and failed_status_in_metadata are not understood", key)
	case p.GetRemoteJwks() != nil:
		out.remote = p.GetRemoteJwks().GetHttpUri().GetUri()
	case p.GetLocalJwks() != nil:
		text := p.GetLocalJwks().GetInlineString()
		if b := p.GetLocalJwks().GetInlineBytes(); len(b) > 0 {
			text = string(b)
		}
		if text == "" {
			return nil, fmt.Errorf("provider %s: keys that do not stand in the configuration are not understood", key)
		}
		out.keys = readKeys(text)
	default:
		return nil, fmt.Errorf("provider %s: %w", key, errors.New("it has no keys"))
	}
	return out, nil
}

func forwardOf(p *jwtauthnv3.JwtProvider) forward {
	out := forward{
		keep:           p.GetForward(),
		payloadHeader:  strings.ToLower(p.GetForwardPayloadHeader()),
		padded:         p.GetPadForwardPayloadHeader(),
		payloadKey:     p.GetPayloadInMetadata(),
		headerKey:      p.GetHeaderInMetadata(),
		spaceDelimited: p.GetNormalizePayloadInMetadata().GetSpaceDelimitedClaims(),
		clearsRoute:    p.GetClearRouteCache(),
	}
	if out.payloadHeader != "" {
		out.sanitized = append(out.sanitized, out.payloadHeader)
	}
	for _, c := range p.GetClaimToHeaders() {
		h := claimHeader{header: strings.ToLower(c.GetHeaderName()), path: strings.Split(c.GetClaimName(), ".")}
		if segments := c.GetClaimPath(); len(segments) > 0 {
			h.path = nil
			for _, s := range segments {
				h.path = append(h.path, s.GetKey())
			}
		}
		out.claims, out.sanitized = append(out.claims, h), append(out.sanitized, h.header)
	}
	return out
}

// distinguish gives providers of one issuer titles that differ, and says what each wants.
func distinguish(providers []*provider) {
	count := map[string]int{}
	for _, p := range providers {
		count[p.title]++
	}
	for _, p := range providers {
		if count[p.title] > 1 {
			p.title += " (" + p.key + ")"
		}
		p.wants = p.want()
	}
}

// audiences are those that a provider accepts; none accepts all.
type audiences struct {
	written []string
	taken   map[string]bool
}

func audiencesOf(written []string) audiences {
	out := audiences{written: written, taken: make(map[string]bool, len(written))}
	for _, a := range written {
		out.taken[bareAudience(a)] = true
	}
	return out
}

func (a audiences) accept(claimed []string) bool {
	return len(a.written) == 0 || slices.ContainsFunc(claimed, func(c string) bool { return a.taken[bareAudience(c)] })
}

// bareAudience leaves away what Envoy does not compare: http:// or https:// before, and one slash behind.
func bareAudience(text string) string {
	for _, scheme := range []string{"http://", "https://"} {
		if rest, there := strings.CutPrefix(text, scheme); there {
			text = rest
			break
		}
	}
	return strings.TrimSuffix(text, "/")
}
