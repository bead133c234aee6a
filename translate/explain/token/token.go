// Package token decides as Envoy's jwt_authn filter does.
//
// A request may leave open what decides: whether it has a token, what that claims, whose keys verify it.
// Then every world that may be the case is gone through on its own, and what differs between them
// becomes a condition.
package token

import (
	"maps"
	"slices"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// namespace is where the filter leaves what it extracts from tokens.
const namespace = "envoy.filters.http.jwt_authn"

// Filter is a jwt_authn filter, made ready. It is immutable and safe for concurrent use.
type Filter struct {
	name      string
	providers []*provider
	rules     []rule
	// claimed are the issuers whose tokens may stand in a place, by its name.
	claimed map[string][]string
	// preflights says that a CORS preflight passes without a token.
	preflights bool
}

// New makes a filter ready; name is its name in the chain, by which its findings are told. An error
// names what is not understood.
func New(name string, config *jwtauthnv3.JwtAuthentication) (*Filter, error) {
	out := &Filter{name: name, preflights: config.GetBypassCorsPreflight()}
	byKey := map[string]*provider{}
	for _, key := range slices.Sorted(maps.Keys(config.GetProviders())) {
		p, err := newProvider(key, config.GetProviders()[key])
		if err != nil {
			return nil, err
		}
		byKey[key], out.providers = p, append(out.providers, p)
	}
	distinguish(out.providers)
	out.claimed = claimsOf(out.providers)
	rules, err := out.readRules(config, requirements{byKey})
	out.rules = rules
	return out, err
}

// Decide takes a request through the filter: headers and metadata are changed as Envoy changes them.
func (f *Filter) Decide(s *traffic.Stream) traffic.Effect {
	if len(f.providers) == 0 {
		return traffic.Effect{}
	}
	worlds, all := f.worlds(s)
	s.Findings = append(s.Findings, f.findings(worlds)...)
	if !all {
		forget(s)
		s.RouteCleared = true // one of the tokens may have it chosen again
		return traffic.Effect{Stops: traffic.DependsOn("the tokens of the request")}
	}
	out := effectOf(worlds)
	leave(s, worlds)
	return out
}

// run takes a request through the filter, in one world.
func (f *Filter) run(w *world) status {
	// First of all, whoever has a token and of whom, and whoever needs none: no client sends what is made of one.
	for _, p := range f.providers {
		w.removeHeaders(p.sanitized...)
	}
	if f.preflights && w.preflight() {
		w.spared = "nobody asks for one: a CORS preflight carries no token"
		return ok
	}
	for _, r := range f.rules {
		if r.match(w) {
			return r.requires.verify(w)
		}
	}
	w.spared = "nobody asks for one: no rule of the filter matches the request"
	return ok
}

// preflight reports whether the request is one of CORS that only asks what may be asked.
func (w *world) preflight() bool {
	if method, _ := w.headers.First(":method"); method != "OPTIONS" {
		return false
	}
	return w.filled("origin") && w.filled("access-control-request-method")
}

func (w *world) filled(header string) bool {
	values, known := w.headers.Values(header)
	if !known {
		return w.ask("header " + header + " is present")
	}
	return slices.ContainsFunc(values, func(v string) bool { return v != "" })
}

// findings returns one for each provider: what Envoy makes of its tokens, or would, did it come to them.
func (f *Filter) findings(worlds []*world) []traffic.Finding {
	out := make([]traffic.Finding, 0, len(f.providers))
	for _, p := range f.providers {
		out = append(out, f.finding(p, worlds))
	}
	return out
}

func (f *Filter) finding(p *provider, worlds []*world) traffic.Finding {
	for _, w := range worlds {
		if found, there := w.findings[p.key]; there {
			return found
		}
	}
	first := worlds[0]
	if first.spared != "" {
		return traffic.Finding{Filter: f.name, Rule: p.key, Kind: traffic.Verifies, Wants: p.wants, Saw: first.spared}
	}
	asked := f.world(first.memory, first.assumed)
	asked.find(&requirement{provider: p}, asked.extract(p.places))
	return asked.findings[p.key]
}
