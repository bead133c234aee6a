package token

import (
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// memory holds what all worlds of a request share: what is in its tokens, and what a provider makes of each.
type memory struct {
	stream   *traffic.Stream
	read     []readToken
	verdicts []verdict
}

type readToken struct {
	jwt
	status status
	// foreign is what was said of it in the place foreignAt, where its issuer may not stand.
	foreign, foreignAt string
}

// verdict is what a provider makes of a token whose issuer may stand in its place.
type verdict struct {
	provider *provider
	text     string
	place    *place
	accepted *audiences
	// open are the facts that decide first, each with the refusal where it does not hold.
	open []condition
	// final is what comes of it where all of them hold.
	final status
}

type condition struct {
	fact    string
	refusal status
}

// token reads a token, once.
func (m *memory) token(text string) *readToken {
	for i := range m.read {
		if m.read[i].text == text {
			return &m.read[i]
		}
	}
	var t readToken
	if claimed, given := m.stream.Trusted[text]; given {
		t.jwt, t.status = trusted(text, claimed)
	} else {
		t.jwt, t.status = parse(text)
	}
	m.read = append(m.read, t)
	return &m.read[len(m.read)-1]
}

// judge says what a provider makes of a token, once. accepted are the audiences that count.
func (m *memory) judge(p *provider, t *jwt, at *place, accepted *audiences) verdict {
	for _, v := range m.verdicts {
		if v.provider == p && v.text == t.text && v.place == at && v.accepted == accepted {
			return v
		}
	}
	out := verdict{provider: p, text: t.text, place: at, accepted: accepted}
	out.judge(t, uint64(max(0, m.stream.At.Unix())))
	m.verdicts = append(m.verdicts, out)
	return out
}

// judge goes through Envoy's checks, in its order, to the first that is known to fail.
func (v *verdict) judge(t *jwt, now uint64) {
	p := v.provider
	switch {
	case t.unknown["nbf"]:
		v.depends(v.claim("nbf")+" is not in the future", notYetValid)
	case now+p.skew < t.notBefore:
		v.final = notYetValid
		return
	}
	switch {
	case t.unknown["exp"]:
		v.depends(v.claim("exp")+" is not in the past", expired)
	case t.expiry != 0 && now > t.expiry+p.skew:
		v.final = expired
		return
	}
	if !v.accepted.accept(t.audiences) {
		if !t.unknown["aud"] {
			v.final = audienceNotAllowed
			return
		}
		v.depends(v.claim("aud")+" is one of "+list(v.accepted.written), audienceNotAllowed)
	}
	v.judgeSignature(t)
}

func (v *verdict) judgeSignature(t *jwt) {
	p := v.provider
	switch {
	case t.trusted:
	case p.remote != "":
		v.depends("the keys at "+shown(p.remote)+" verify the token in "+v.place.title, unsureSignature)
	case len(p.keys) == 0:
		v.final = noValidKeys
	default:
		v.final = verify(t, p.keys)
		if v.final == unsureSignature {
			v.final = ok
			v.depends("the keys of "+p.title+" verify the token in "+v.place.title, unsureSignature)
		}
	}
}

func (v *verdict) claim(name string) string {
	return "claim " + name + " of the token in " + v.place.title
}

func (v *verdict) depends(fact string, refusal status) {
	v.open = append(v.open, condition{fact, refusal})
}

// in says what comes of it in a world.
func (v *verdict) in(w *world) status {
	for _, c := range v.open {
		if !w.ask(c.fact) {
			return c.refusal
		}
	}
	return v.final
}

// when returns when the token is verified.
func (v *verdict) when() traffic.Condition {
	out := traffic.Known(v.final == ok)
	for _, c := range v.open {
		out = traffic.DependsOn(c.fact).And(out)
	}
	return out
}

// shown leaves away what of an address may be a secret.
func shown(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	scheme, rest, there := strings.Cut(uri, "://")
	if !there {
		return bounded(uri)
	}
	authority, path, _ := strings.Cut(rest, "/")
	return bounded(scheme + "://" + authority[strings.LastIndexByte(authority, '@')+1:] + "/" + path)
}
