package token

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// find keeps what a provider makes of the tokens in its places, where Envoy comes to it first.
func (w *world) find(r *requirement, tokens []found) {
	p := r.provider
	if _, done := w.findings[p.key]; done {
		return
	}
	out := traffic.Finding{Filter: w.filter.name, Rule: p.key, Kind: traffic.Verifies, Wants: p.wants, Saw: "no token there"}
	out.Matched = traffic.Known(len(tokens) > 0)
	for i := len(tokens) - 1; i >= 0; i-- {
		verified, saw := w.look(r, tokens[i])
		out.Refuses = out.Refuses || verified.Fails() && w.owns(tokens[i])
		if !out.Matched.Fails() && (out.Matched.Holds() || verified.Fails()) {
			out.Saw = saw
		}
		out.Matched = verified.And(out.Matched)
		if verified.Fails() {
			break
		}
	}
	w.findings[p.key] = out
}

// owns reports whether a text is a token of an issuer that has a say in its place.
func (w *world) owns(f found) bool {
	t := w.memory.token(f.text)
	return !f.unsaid && t.status == ok && f.place.takes(t.issuer)
}

// look says when a provider verifies a token, and what is to be seen of it.
func (w *world) look(r *requirement, f found) (traffic.Condition, string) {
	p := r.provider
	if f.unsaid {
		return traffic.DependsOn(p.validIn(f.place)), "what stands in " + f.place.short + " is not known"
	}
	t := w.memory.token(f.text)
	switch {
	case t.status != ok:
		return traffic.Known(false), "what stands in " + f.place.short + " is no token that Envoy reads: " + t.status.text()
	case t.unknown["iss"] && !f.place.takes(""):
		return traffic.DependsOn(f.place.issued()), "the token in " + f.place.short + ", whose issuer is not known"
	case !f.place.takes(t.issuer):
		return traffic.Known(false), w.foreign(t, f.place)
	}
	v := w.memory.judge(p, &t.jwt, f.place, r.accepted())
	return v.when(), "the token in " + f.place.short + " of issuer " + quote(t.issuer) + ": " + v.explain(&t.jwt, w.stream.At)
}

// foreign says that a token's issuer has nothing to do in a place, and whose have. It is told once for
// all providers of the place.
func (w *world) foreign(t *readToken, at *place) string {
	if t.foreignAt != at.short {
		t.foreignAt, t.foreign = at.short, w.filter.foreign(t.issuer, at)
	}
	return t.foreign
}

func (f *Filter) foreign(issuer string, at *place) string {
	claimed := f.claimed[at.short]
	out := fmt.Sprintf("the token in %s is of issuer %s; %s is claimed by issuers [%s]", at.short, quote(issuer), at.short, list(claimed))
	for _, other := range claimed {
		if other != issuer && strings.TrimSuffix(other, "/") == strings.TrimSuffix(issuer, "/") {
			out += ", one of which differs by a slash at the end alone"
		}
	}
	return out
}

// claimsOf returns the issuers whose tokens may stand in a place, by its name.
func claimsOf(providers []*provider) map[string][]string {
	out := map[string][]string{}
	for _, p := range providers {
		for _, o := range p.places {
			out[o.short] = append(out[o.short], p.issuer)
		}
	}
	for name, issuers := range out {
		slices.Sort(issuers)
		out[name] = slices.Compact(issuers)
	}
	return out
}

// explain says what a provider makes of a token that is its own.
func (v *verdict) explain(t *jwt, now time.Time) string {
	switch v.final {
	case notYetValid:
		return fmt.Sprintf("not valid before %s, in %s; %d s are given to clocks", moment(t.notBefore), distance(t.notBefore, now), v.provider.skew)
	case expired:
		return fmt.Sprintf("expired at %s, %s ago; %d s are given to clocks", moment(t.expiry), distance(t.expiry, now), v.provider.skew)
	case audienceNotAllowed:
		return fmt.Sprintf("audience is [%s]; accepted are [%s], and Envoy answers 403 where none is", list(t.audiences), list(v.accepted.written))
	case noMatchingKey:
		return fmt.Sprintf("no key of the issuer has its kid %s and its algorithm %s; there are [%s]", quote(t.kid), t.alg, v.provider.keyNames())
	case verificationFails, signatureWrongLength:
		return fmt.Sprintf("its signature is not by a key of the issuer (kid %s, algorithm %s; there are [%s])", quote(t.kid), t.alg, v.provider.keyNames())
	case noValidKeys:
		return "the issuer has no key that Envoy can use"
	default:
		return v.accepts(t)
	}
}

// accepts says what becomes of a token that is verified, or that may be.
func (v *verdict) accepts(t *jwt) string {
	out := "subject " + quote(t.subject)
	switch {
	case len(v.open) > 0:
		out += "; whether it is verified is not known"
	case t.trusted:
		out += "; its signature was not looked at"
	default:
		out += "; verified"
	}
	switch {
	case v.place.kind == inCookie:
		return out + "; the cookie stays in the request"
	case v.provider.keep:
		return out + "; it stays in the request"
	default:
		return out + "; " + v.place.short + " is taken out of the request"
	}
}

// want says what a provider asks for.
func (p *provider) want() string {
	var titles []string
	for _, o := range p.places {
		titles = append(titles, o.title)
	}
	out := "a valid token of " + p.title
	if len(p.audiences.written) > 0 {
		out += " for one of " + list(p.audiences.written)
	}
	return out + " in " + strings.Join(titles, " or ")
}

func (p *provider) keyNames() string {
	var out []string
	for _, k := range p.keys {
		name := "kid " + quote(k.kid)
		if k.alg != "" {
			name += " for " + bounded(k.alg)
		}
		out = append(out, name)
	}
	return listed(out)
}

func moment(seconds uint64) string {
	const year9999 = 253402300799
	if seconds > year9999 {
		return strconv.FormatUint(seconds, 10) + " seconds after 1970"
	}
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

// distance is how far a moment is from now, either way.
func distance(seconds uint64, now time.Time) string {
	const century = 100 * 365 * 24 * 3600
	between := int64(min(seconds, 1<<62)) - now.Unix()
	between = max(between, -between)
	if between > century {
		return "more than a century"
	}
	return (time.Duration(between) * time.Second).String()
}

// maxShown bounds what a finding shows of one value, mostListed of how many.
const maxShown, mostListed = 200, 10

// bounded shortens what comes from a request.
func bounded(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

func quote(text string) string { return strconv.Quote(bounded(text)) }

// list quotes values.
func list(values []string) string {
	out := make([]string, 0, min(len(values), mostListed+1))
	for _, v := range values[:min(len(values), mostListed+1)] {
		out = append(out, quote(v))
	}
	return listed(out)
}

func listed(values []string) string {
	if len(values) > mostListed {
		values = append(slices.Clone(values[:mostListed]), "…")
	}
	return strings.Join(values, ", ")
}
