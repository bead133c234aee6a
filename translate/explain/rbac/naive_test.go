package rbac_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// naive is a permission or a principal, and what it makes of a request, written down a second time.
type naive struct {
	permission, principal string
	holds                 func(r request) bool
}

// request is all that the clauses of this test look at. Of what is below zero nothing is known.
type request struct{ path, x, group, ip int }

func texts() []string { return []string{"/a", "/ab", "/b", "b"} }

// leafOf makes a condition of a kind by the text n.
func leafOf(kind, n int) naive {
	text := texts()[n]
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	exact := `{"exact":` + string(quoted) + `}`
	switch kind {
	case 0:
		return naive{`{"urlPath":{"path":` + exact + `}}`, "", func(r request) bool { return texts()[r.path] == text }}
	case 1:
		return naive{`{"urlPath":{"path":{"prefix":` + string(quoted) + `}}}`, "", func(r request) bool { return strings.HasPrefix(texts()[r.path], text) }}
	case 2:
		h := `{"header":{"name":"x","stringMatch":` + exact + `}}`
		return naive{h, h, func(r request) bool { return r.x > 0 && texts()[r.x-1] == text }}
	case 3:
		h := `{"header":{"name":"x","stringMatch":` + exact + `,"invertMatch":true}}`
		return naive{h, h, func(r request) bool { return r.x > 0 && texts()[r.x-1] != text }}
	case 4:
		m := `{"sourcedMetadata":{"metadataMatcher":{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"g"}],"value":{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":{"stringMatch":` + exact + `}}},{"stringMatch":` + exact + `}]}}}}}`
		return naive{m, m, func(r request) bool { return r.group > 0 && texts()[r.group-1] == text }}
	case 5:
		return naive{"", fmt.Sprintf(`{"remoteIp":{"addressPrefix":"10.%d.0.0","prefixLen":16}}`, n), func(r request) bool { return r.ip == n }}
	default:
		return naive{`{"any":true}`, `{"any":true}`, func(request) bool { return true }}
	}
}

// tree makes a random clause: of permissions where kinds are the first five, else of principals.
func tree(r *rand.Rand, depth int, kinds []int) naive {
	word := r.IntN(5)
	if depth == 0 || word > 2 {
		return leafOf(kinds[r.IntN(len(kinds))], r.IntN(4))
	}
	var of []naive
	for range 1 + r.IntN(3) {
		of = append(of, tree(r, depth-1, kinds))
	}
	var permissions, principals []string
	for _, one := range of {
		permissions, principals = append(permissions, one.permission), append(principals, one.principal)
	}
	fails := func(r request) func(naive) bool { return func(one naive) bool { return !one.holds(r) } }
	switch word {
	case 0:
		return naive{andRules(permissions...), andIDs(principals...), func(r request) bool { return !slices.ContainsFunc(of, fails(r)) }}
	case 1:
		return naive{
			`{"orRules":{"rules":[` + strings.Join(permissions, ",") + `]}}`, `{"orIds":{"ids":[` + strings.Join(principals, ",") + `]}}`,
			func(r request) bool { return slices.ContainsFunc(of, func(one naive) bool { return one.holds(r) }) },
		}
	default:
		return naive{`{"notRule":` + permissions[0] + `}`, `{"notId":` + principals[0] + `}`, func(r request) bool { return !of[0].holds(r) }}
	}
}

func (r request) stream() *traffic.Stream {
	lines := []traffic.Header{{Name: ":method", Value: "GET"}, {Name: ":path", Value: texts()[r.path]}, {Name: ":authority", Value: "a"}}
	if r.x > 0 {
		lines = append(lines, traffic.Header{Name: "x", Value: texts()[r.x-1]})
	}
	s := &traffic.Stream{Headers: traffic.NewHeaders(lines, traffic.Others(r.x < 0))}
	if r.ip >= 0 {
		s.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(r.ip), 1, 1}), 1)
	}
	payload := traffic.Object{Fields: map[string]any{}, Open: r.group < 0}
	if r.group > 0 {
		payload.Fields["g"] = []any{"other", texts()[r.group-1]}
	}
	s.Metadata = map[string]traffic.Object{"envoy.filters.http.jwt_authn": {Fields: map[string]any{"payload": payload}}}
	return s
}

// filled returns the requests that one may be of which not all is known.
func (r request) filled() []request {
	out := []request{r}
	for _, field := range []struct {
		of   func(*request) *int
		most int
	}{
		{func(r *request) *int { return &r.x }, 5}, {func(r *request) *int { return &r.group }, 5}, {func(r *request) *int { return &r.ip }, 4},
	} {
		for _, one := range slices.Clone(out) {
			for n := 0; *field.of(&one) < 0 && n < field.most; n++ {
				filled := one
				*field.of(&filled) = n
				out = append(out, filled)
			}
		}
		out = slices.DeleteFunc(out, func(one request) bool { return *field.of(&one) < 0 })
	}
	return out
}

// TestRulesAreDecidedAsWrittenDownTwice compares with an evaluation that is as simple as can be. What is known
// of a request of which not all is stays as it is, however it is filled in.
func TestRulesAreDecidedAsWrittenDownTwice(t *testing.T) {
	for seed := range uint64(400) {
		checkRules(t, seed)
	}
}

func FuzzRules(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(checkRules)
}

func checkRules(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	action := []string{"ALLOW", "DENY"}[r.IntN(2)]
	var rules []string
	var permissions, principals []naive
	for i := range 1 + r.IntN(4) {
		permissions = append(permissions, tree(r, 3, []int{0, 1, 2, 3, 4, 6}))
		principals = append(principals, tree(r, 3, []int{2, 3, 4, 5, 6}))
		rules = append(rules, fmt.Sprintf(`"%d":%s`, i, policy(permissions[i].permission, principals[i].principal)))
	}
	config := `{"rules":{"action":"` + action + `","policies":{` + strings.Join(rules, ",") + `}}}`
	f := httpFilter(t, config)
	for range 20 {
		asked := request{r.IntN(4), r.IntN(6) - 1, r.IntN(6) - 1, r.IntN(5) - 1}
		s := asked.stream()
		e := f.Decide(s)
		compare(t, config, e, s.Findings, asked, permissions, principals, action)
	}
}

func compare(t *testing.T, config string, e traffic.Effect, findings []traffic.Finding, asked request, permissions, principals []naive, action string) {
	t.Helper()
	for _, full := range asked.filled() {
		first := "none"
		for i := range permissions {
			matched := permissions[i].holds(full) && principals[i].holds(full)
			if f := findings[i]; f.Matched.Holds() && !matched || f.Matched.Fails() && matched || f.Matched.Holds() != (f.Clause == "") {
				t.Fatalf("%s\n%+v: rule %d %s (%s), naively %v", config, asked, i, f.Matched, f.Clause, matched)
			}
			if matched && first == "none" {
				first = fmt.Sprint(i)
			}
		}
		stops := (first == "none") == (action == "ALLOW")
		if e.Stops.Holds() && !stops || e.Stops.Fails() && stops {
			t.Fatalf("%s\n%+v: stops if %s, naively %v for %+v", config, asked, e.Stops, stops, full)
		}
		if stops && e.Reply.Details != "" && e.Reply.Details != "rbac_access_denied_matched_policy["+first+"]" {
			t.Fatalf("%s\n%+v: %s, naively %s for %+v", config, asked, e.Reply.Details, first, full)
		}
		if !slices.Contains(asked.filled(), asked) {
			continue
		}
		if e.Stops.Open() || stops && e.Reply.Details == "" {
			t.Fatalf("%s\n%+v: %s of what is known (%q)", config, asked, e.Stops, e.Reply.Details)
		}
	}
}
