package differential

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// TestWhatIsNotKnownIsNotGuessed asks about requests of which parts are not said: the answer is that to the
// whole request, or depends and has it among its ends.
func TestWhatIsNotKnownIsNotGuessed(t *testing.T) {
	if underRace {
		t.Skip("make agreement runs it, without the race detector")
	}
	first := seed(t)
	t.Logf("PORTREEVE_SEED=%d", first)
	l := &laboratory{TB: t, keys: newKeys(t), certificates: newCertificates(t), network: 80, backend: 9, authorizer: 10}
	trials := (&run{laboratory: l, seed: first}).trials(40)
	var decided, open int
	for _, tr := range trials {
		g := newGenerator(tr.seed, l.keys, l.certificates)
		for i := range tr.requests {
			whole := tr.requests[i].asked(tr.place, "1", netip.MustParseAddrPort(tr.requests[i].client+":4711"), l.keys.now)
			g.trust(&whole)
			// No proxy that is trusted sends it empty, by which Envoy takes no route.
			whole.Headers = slices.DeleteFunc(whole.Headers, func(h traffic.Header) bool { return h.Name == "x-forwarded-proto" && h.Value == "" })
			full := tr.gateway.Ask(whole)
			for range 3 {
				part := g.blank(whole)
				answer := tr.gateway.Ask(part)
				if len(answer.Ends) == 1 {
					decided++
				} else {
					open++
				}
				if !holds(&full, &answer) {
					mesh, policies := tr.text(tr.place)
					t.Errorf("PORTREEVE_SEED=%d\nwhole: %+v\n%+v\npart: %+v\n%s %+v\n%s%s", tr.seed, whole, full.Ends, part, answer.Verdict, answer.Ends, mesh, policies)
					return
				}
			}
		}
	}
	t.Logf("%d answers were decided, %d open", decided, open)
	if decided < 1000 || open < 1000 {
		t.Error("too few of either kind")
	}
}

// holds reports whether every end of the whole request is one that the answer about a part of it names.
func holds(full, part *explain.Answer) bool {
	for _, end := range full.Ends {
		if !slices.ContainsFunc(part.Ends, func(e explain.End) bool {
			return e.Verdict == end.Verdict && (e.Status == 0 || e.Status == end.Status) && (e.Details == "" || e.Details == end.Details)
		}) {
			return false
		}
	}
	return len(part.Ends) > 1 || part.Verdict == full.Verdict
}

// trust has the claims of tokens taken from the side.
func (g *generator) trust(r *explain.Request) {
	r.Trusted = map[string]traffic.Object{}
	for _, token := range g.tokensIn(r) {
		parts := strings.Split(token, ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		var claims map[string]any
		if err == nil && json.Unmarshal(payload, &claims) == nil && claims != nil {
			r.Trusted[token] = objectOf(claims)
		}
	}
}

// tokensIn are the tokens that stand in headers.
func (g *generator) tokensIn(r *explain.Request) []string {
	var out []string
	for _, h := range r.Headers {
		for _, word := range strings.FieldsFunc(h.Value, func(c rune) bool { return c == ' ' || c == '=' || c == ',' }) {
			if strings.Count(word, ".") == 2 && strings.HasPrefix(word, "ey") {
				out = append(out, word)
			}
		}
	}
	return out
}

func objectOf(fields map[string]any) traffic.Object {
	out := traffic.Object{Fields: map[string]any{}}
	for name, v := range fields {
		if below, ok := v.(map[string]any); ok {
			v = objectOf(below)
		}
		out.Fields[name] = v
	}
	return out
}

// blank takes parts of a request away and says that they are not known.
func (g *generator) blank(r explain.Request) explain.Request {
	if g.in(2) {
		r.Unknown.Headers = true
		lost := map[string]bool{} // of a header that is given all lines are
		for _, h := range r.Headers {
			lost[strings.ToLower(h.Name)] = h.Name != "host" && g.in(2)
		}
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h traffic.Header) bool { return lost[strings.ToLower(h.Name)] })
	}
	if path, _, _ := strings.Cut(r.Path, "?"); g.in(3) && !strings.Contains(r.Path, "#") {
		r.Path, r.Unknown.Query = path, true
	}
	if g.in(3) {
		r.Client = netip.AddrPort{}
	}
	if g.in(3) {
		r.Assume = nil
	}
	r.Unknown.ServerName, r.Unknown.Certificate = g.in(3), g.in(3)
	trusted := map[string]traffic.Object{}
	for _, token := range slices.Sorted(maps.Keys(r.Trusted)) {
		trusted[token] = g.blankClaims(r.Trusted[token])
	}
	r.Trusted = trusted
	return r
}

func (g *generator) blankClaims(claims traffic.Object) traffic.Object {
	out := traffic.Object{Fields: map[string]any{}, Open: g.in(2)}
	for _, name := range slices.Sorted(maps.Keys(claims.Fields)) {
		v := claims.Fields[name]
		switch below, ok := v.(traffic.Object); {
		case out.Open && g.in(3):
		case g.in(4):
			out.Fields[name] = traffic.Unknown{}
		case ok:
			out.Fields[name] = g.blankClaims(below)
		default:
			out.Fields[name] = v
		}
	}
	return out
}
