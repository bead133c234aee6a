package token

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// place is where tokens are looked for.
type place struct {
	kind placeKind
	// name is in lower case where it is a header's; prefix is a header's alone.
	name, prefix string
	// issuers are those whose tokens may stand there; an empty one stands for all.
	issuers []string
	// title is how a person calls it, where the prefix matters; short where it does not.
	title, short string
}

type placeKind int

const (
	inHeader placeKind = iota
	inParameter
	inCookie
)

// placesOf are those of a provider, Envoy's own where it names none.
func placesOf(p *jwtauthnv3.JwtProvider) []place {
	var out []place
	for _, h := range p.GetFromHeaders() {
		out = append(out, headerPlace(h.GetName(), h.GetValuePrefix()))
	}
	for _, name := range p.GetFromParams() {
		out = append(out, namedPlace(inParameter, "parameter ", name))
	}
	for _, name := range p.GetFromCookies() {
		out = append(out, namedPlace(inCookie, "cookie ", name))
	}
	if len(out) == 0 {
		out = []place{headerPlace("authorization", "Bearer "), namedPlace(inParameter, "parameter ", "access_token")}
	}
	for i := range out {
		out[i].issuers = []string{p.GetIssuer()}
	}
	return inOrder(out)
}

func headerPlace(name, prefix string) place {
	name = strings.ToLower(name)
	out := namedPlace(inHeader, "header ", name)
	if out.prefix = prefix; prefix != "" {
		out.title += " behind " + strconv.Quote(prefix)
	}
	return out
}

func namedPlace(kind placeKind, word, name string) place {
	return place{kind: kind, name: name, title: word + name, short: word + name}
}

// inOrder sorts places as Envoy looks at them, and makes one of those that are the same.
func inOrder(places []place) []place {
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name+a.prefix, b.name+b.prefix))
	})
	out := places[:0]
	for _, p := range places {
		if last := len(out) - 1; last >= 0 && out[last].kind == p.kind && out[last].name+out[last].prefix == p.name+p.prefix {
			out[last].issuers = append(out[last].issuers, p.issuers...)
			continue
		}
		out = append(out, p)
	}
	return out
}

// issued is the fact that a token there whose issuer is not known may stand there.
func (p *place) issued() string {
	return "claim iss of the token in " + p.title + " is one of " + list(p.issuers)
}

// takes reports whether tokens of an issuer may stand there.
func (p *place) takes(issuer string) bool {
	return slices.Contains(p.issuers, "") || slices.Contains(p.issuers, issuer)
}
