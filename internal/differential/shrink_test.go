package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/explain"
)

// disagreement is a request on which explain and Envoy do not agree.
type disagreement struct {
	*trial
	request     request
	outcome     outcome
	differences []difference
}

// signature is the same for disagreements that may well have the same cause.
func (d *disagreement) signature() string {
	first := d.differences[0]
	strip := func(s string) string {
		if i := strings.Index(s, "[ns["); i >= 0 {
			return s[:i]
		}
		return s
	}
	if strings.HasPrefix(first.of, "details") || strings.HasPrefix(first.of, "status") {
		return first.of + strip(first.explained) + strip(first.answered)
	}
	return first.of
}

// disagreements holds every answer against Envoy's.
func (l *laboratory) disagreements(trials []*trial) []*disagreement {
	var out []*disagreement
	for _, t := range trials {
		for i := range t.requests {
			r, o := &t.requests[i], &t.outcomes[i]
			a := t.ask(r.asked(t.place, caseName(t.place, i), o.client, l.keys.now))
			if d := differences(&a, o, r.method); len(d) > 0 {
				out = append(out, &disagreement{trial: t.of(*r), request: *r, outcome: *o, differences: d})
			}
		}
	}
	return out
}

// ask asks explain, by what is served and rule by rule: the second says so where the two differ.
func (t *trial) ask(r explain.Request) explain.Answer {
	out := t.gateway.Ask(r)
	out.Disagreement = t.told.Ask(r).Disagreement
	return out
}

// of is the trial, asked that request alone.
func (t *trial) of(r request) *trial {
	out := *t
	out.requests = []request{r}
	return &out
}

// path leads to a part of what disagrees: its first step is "mesh", "headers" or the index of an object.
type path []any

// smaller is a disagreement of which parts are left out, or put more plainly.
type smaller struct {
	from    *disagreement
	without []path
	changes []func(*request, *set)
}

// shrink takes parts away as long as explain and Envoy still do not agree in the same way: the large ones first.
func (l *laboratory) shrink(d *disagreement) *disagreement {
	for depth := 1; depth <= 9; depth += 2 {
		for range 6 {
			next := l.smallest(d, d.smaller(depth))
			if next == nil {
				break
			}
			d = next
		}
	}
	return d
}

// smaller returns all that are smaller by one part that is not deeper than that.
func (d *disagreement) smaller(depth int) []smaller {
	var out []smaller
	for i, o := range d.objects {
		out = append(out, d.parts(path{i}, o, depth)...)
	}
	if depth > 3 {
		out = append(out, d.parts(path{"mesh"}, d.mesh, depth)...)
	}
	for i := range d.request.headers {
		out = append(out, smaller{from: d, without: []path{{"headers", i}}})
	}
	for _, change := range plainer() {
		out = append(out, smaller{from: d, changes: []func(*request, *set){change}})
	}
	return out
}

// smallest returns the smallest that still disagrees, of those and of what they come to together; or nil.
func (l *laboratory) smallest(d *disagreement, candidates []smaller) *disagreement {
	one, which := l.still(d, candidates)
	if len(which) < 2 {
		return one
	}
	var together []smaller
	for n := len(which); n > 1; n /= 2 {
		all := smaller{from: d}
		for _, c := range which[:n] {
			all.without, all.changes = append(all.without, c.without...), append(all.changes, c.changes...)
		}
		together = append(together, all)
	}
	if more, _ := l.still(d, together); more != nil {
		return more
	}
	return one
}

// plainer are ways in which a request or a set is put more plainly.
func plainer() []func(*request, *set) {
	return []func(*request, *set){
		func(r *request, _ *set) { r.method = "GET" },
		func(r *request, _ *set) { r.target = "/" },
		func(r *request, _ *set) { r.target, _, _ = strings.Cut(r.target, "?") },
		func(r *request, _ *set) { r.host = "shop.example" },
		func(r *request, _ *set) { r.client = "127.0.0.1" },
		func(r *request, _ *set) { r.port = 8080 },
		func(_ *request, s *set) { s.shape = static },
	}
}

// parts are the set without each of the parts below a place.
func (d *disagreement) parts(at path, v any, depth int) []smaller {
	var out []smaller
	if len(at) > 1 || at[0] != "mesh" {
		out = append(out, smaller{from: d, without: []path{slices.Clone(at)}})
	}
	if depth == 1 {
		return out
	}
	switch v := v.(type) {
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains([]string{"apiVersion", "kind", "name", "namespace", "port", "jwks", "bind", "extensionProviders"}, name) {
				out = append(out, d.parts(append(slices.Clone(at), name), v[name], depth-1)...)
			}
		}
	case []any:
		for i, part := range v {
			out = append(out, d.parts(append(slices.Clone(at), i), part, depth-1)...)
		}
	}
	return out
}

// trial makes the trial of it.
func (s smaller) trial(number int) *trial {
	cut, asked := *s.from.set, s.from.request
	parts := clone(object{"mesh": cut.mesh, "objects": cut.objects}).(object)
	objects := parts["objects"].([]any)
	asked.headers = slices.Clone(asked.headers)
	// From the end on, so that places before stay what they are.
	for _, p := range slices.SortedFunc(slices.Values(s.without), func(a, b path) int { return backwards(a, b) }) {
		switch p[0] {
		case "mesh":
			parts["mesh"] = without(parts["mesh"], p[1:])
		case "headers":
			i := p[1].(int)
			asked.headers = slices.Delete(asked.headers, i, i+1)
		default:
			objects, _ = without(objects, p).([]any)
		}
	}
	cut.mesh, cut.objects = parts["mesh"].(object), nil
	for _, o := range objects {
		cut.objects = append(cut.objects, o.(object))
	}
	for _, change := range s.changes {
		change(&asked, &cut)
	}
	return &trial{seed: s.from.seed, set: &cut, certificates: s.from.certificates, place: place{network: s.from.network, number: number, backend: s.from.backend, authorizer: s.from.authorizer}, requests: []request{asked}}
}

// backwards orders paths so that what is behind, and what is deeper, comes first.
func backwards(a, b path) int {
	for i := range min(len(a), len(b)) {
		x, first := a[i].(int)
		y, second := b[i].(int)
		if first && second && x != y {
			return y - x
		}
		if c := strings.Compare(fmt.Sprint(b[i]), fmt.Sprint(a[i])); c != 0 && !(first && second) {
			return c
		}
	}
	return len(b) - len(a)
}

func clone(v any) any {
	var out any
	if err := yaml.Unmarshal([]byte(written(v)), &out); err != nil {
		panic(err)
	}
	return out
}

func without(v any, at path) any {
	switch v := v.(type) {
	case object:
		name := at[0].(string)
		if len(at) == 1 {
			delete(v, name)
		} else {
			v[name] = without(v[name], at[1:])
		}
		return v
	case []any:
		i := at[0].(int)
		if len(at) == 1 {
			return slices.Delete(v, i, i+1)
		}
		v[i] = without(v[i], at[1:])
		return v
	default:
		return v
	}
}

// still runs the candidates and returns the smallest that disagrees as before, or nil, and all that do.
func (l *laboratory) still(d *disagreement, candidates []smaller) (*disagreement, []smaller) {
	var trials []*trial
	var of []smaller
	for _, c := range candidates {
		t := c.trial(len(trials))
		if refused, err := t.prepare(l.log()); len(refused) == 0 && err == nil && len(t.served.Listeners) > 0 && t.plainness() < d.plainness() {
			trials, of = append(trials, t), append(of, c)
		}
	}
	if len(trials) == 0 {
		return nil, nil
	}
	l.ask(trials)
	var out *disagreement
	var which []smaller
	for _, found := range l.disagreements(trials) {
		if found.signature() != d.signature() {
			continue
		}
		which = append(which, of[found.number])
		if out == nil || found.plainness() < out.plainness() {
			out = found
		}
	}
	return out, which
}

// plainness is how much there is of it: less is plainer.
func (t *trial) plainness() int {
	n := len(written(t.mesh)) + len(t.requests[0].wire(place{}, "")) + len(t.requests[0].client)
	for _, o := range t.objects {
		n += len(written(o))
	}
	for i, s := range []shape{static, served, istios} {
		if t.shape == s {
			n += i
		}
	}
	return n
}

// String is how a person reproduces it.
func (d *disagreement) String() string {
	mesh, policies := d.text(d.place)
	var out strings.Builder
	fmt.Fprintf(&out, "PORTREEVE_SEED=%d, shape %s, --optimize=%s\n", d.seed, d.shape, strings.Join(d.rewritten, ","))
	for _, difference := range d.differences {
		fmt.Fprintf(&out, "  %s\n", difference)
	}
	fmt.Fprintf(&out, "# mesh.yaml\n%s# policy.yaml\n%s%s\n%q\n", mesh, policies, d.curl(), d.request.wire(d.place, "0"))
	return out.String()
}

func (d *disagreement) curl() string {
	r := d.request
	out := fmt.Sprintf("curl -si --interface %s -X %s --request-target %s", r.client, r.method, quoted(d.fill(r.target)))
	if r.host == absent {
		out += " -H 'host:'"
	} else {
		out += " -H " + quoted("host: "+d.fill(r.host))
	}
	for _, h := range r.headers {
		out += " -H " + quoted(h.Name+": "+h.Value)
	}
	return fmt.Sprintf("%s http://%s:%d", out, d.ip(), r.port)
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
