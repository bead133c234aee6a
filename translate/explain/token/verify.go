package token

import (
	"slices"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// verify verifies all tokens that stand in the places of a provider, the last first; one that is
// not verified ends it.
func (w *world) verify(r *requirement) status {
	p := r.provider
	w.removeHeaders(p.sanitized...)
	tokens := w.extract(p.places)
	w.find(r, tokens)
	if len(tokens) == 0 {
		return missing
	}
	for i := len(tokens) - 1; i >= 0; i-- {
		if s := w.verifyOne(r, tokens[i]); s != ok {
			return s
		}
	}
	return ok
}

func (w *world) verifyOne(r *requirement, f found) status {
	p := r.provider
	if f.unsaid {
		if !w.ask(p.validIn(f.place)) {
			return unsure
		}
		w.accept(p, &jwt{payload: p.unsaidClaims()}, f.place)
		return ok
	}
	t := w.memory.token(f.text)
	if t.status != ok {
		return t.status
	}
	if !w.mayStand(t, f.place) {
		return unknownIssuer
	}
	v := w.memory.judge(p, &t.jwt, f.place, r.accepted())
	if s := v.in(w); s != ok {
		return s
	}
	w.accept(p, &t.jwt, f.place)
	return ok
}

// verifyOptional goes through the tokens of all providers. Envoy tells what came of the last that it
// looked at, of no other.
func (w *world) verifyOptional(r *requirement) status {
	for _, p := range r.providers {
		w.removeHeaders(p.sanitized...)
	}
	tokens := w.extract(r.places)
	out := missing
	for i := len(tokens) - 1; i >= 0; i-- {
		out = w.verifyOfAny(r, tokens[i])
	}
	if r.allowFailed || out == missing {
		return ok
	}
	return out
}

// verifyOfAny takes the provider of the token's issuer, else one of any issuer.
func (w *world) verifyOfAny(r *requirement, f found) status {
	if f.unsaid {
		return w.verifyUnsaid(r, f)
	}
	t := w.memory.token(f.text)
	if t.status != ok {
		return t.status
	}
	if !w.mayStand(t, f.place) {
		return unknownIssuer
	}
	if t.unknown["iss"] {
		return w.verifyOfSome(r, f)
	}
	for _, issuer := range []string{t.issuer, ""} {
		for _, p := range r.providers {
			if p.issuer == issuer {
				return w.verifyOne(&requirement{provider: p}, f)
			}
		}
	}
	return unknownIssuer
}

// verifyUnsaid takes any provider whose token it may be.
func (w *world) verifyUnsaid(r *requirement, f found) status {
	for _, p := range r.providers {
		reads := slices.ContainsFunc(p.places, func(at place) bool { return at.title == f.place.title })
		if reads && w.verifyOne(&requirement{provider: p}, f) == ok {
			return ok
		}
	}
	return unsure
}

// verifyOfSome takes a token whose issuer is not known for that of each provider, one after the other.
func (w *world) verifyOfSome(r *requirement, f found) status {
	var anybodys *provider
	for _, p := range r.providers {
		if p.issuer == "" {
			anybodys = p
		} else if w.ask("claim iss of the token in " + f.place.title + " is " + p.title) {
			return w.verifyOne(&requirement{provider: p}, f)
		}
	}
	if anybodys == nil {
		return unknownIssuer
	}
	return w.verifyOne(&requirement{provider: anybodys}, f)
}

// mayStand reports whether a token's issuer may stand in a place.
func (w *world) mayStand(t *readToken, at *place) bool {
	if !t.unknown["iss"] || at.takes("") {
		return at.takes(t.issuer)
	}
	return w.ask(at.issued())
}

// accepted are the audiences that count.
func (r *requirement) accepted() *audiences {
	if r.audiences != nil {
		return r.audiences
	}
	return &r.provider.audiences
}

// validIn is the fact that a token of which the request says nothing is valid.
func (p *provider) validIn(at *place) string {
	return "a valid token of " + p.title + " in " + at.title
}

// unsaidClaims is what is known of the claims of such a token.
func (p *provider) unsaidClaims() traffic.Object {
	out := traffic.Object{Fields: map[string]any{}, Open: true}
	if p.issuer != "" {
		out.Fields["iss"] = p.issuer
	}
	return out
}
