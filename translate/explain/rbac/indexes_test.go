package rbac_test

import (
	"fmt"
	"strings"
)

// below is what follows where the header y has a value, and nothing where it has another: what is looked up falls
// through to what else takes it.
func below(y, action, name string) string {
	return list(when(single("y", `{"exact":"`+y+`"}`), named(action, name)))
}

// named is an action by which a refusal is told.
func named(action, name string) string {
	return strings.Replace(act(action), `"an action"`, `"`+name+`"`, 1)
}

func mapOf(kind, input string, entries ...string) string {
	return `{"matcher":{"matcherTree":{"input":` + input + `,"` + kind + `":{"map":{` + strings.Join(entries, ",") + `}}},"onNoMatch":` + named("ALLOW", "none") + `}}`
}

func custom(input, kind, entries string) string {
	return `{"matcher":{"matcherTree":{"input":` + input + `,"customMatch":{"name":"custom","typedConfig":{"@type":"type.googleapis.com/xds.type.matcher.v3.` + kind + `",` + entries + `}}},"onNoMatch":` + named("ALLOW", "none") + `}}`
}

func ranges(input string, entries ...string) string {
	return custom(input, "IPMatcher", `"rangeMatchers":[`+strings.Join(entries, ",")+`]`)
}

func block(onMatch string, blocks ...string) string {
	var out []string
	for _, b := range blocks {
		address, bits, _ := strings.Cut(b, "/")
		out = append(out, `{"addressPrefix":"`+address+`","prefixLen":`+bits+`}`)
	}
	return `{"ranges":[` + strings.Join(out, ",") + `],"onMatch":` + onMatch + `}`
}

// claimIn is a claim that is matched by a matcher of values, as a leaf does.
func claimIn(name, value string) string {
	return `{"singlePredicate":{"input":` + claimInput(name) + `,"customMatch":{"name":"value","typedConfig":{"@type":"type.googleapis.com/envoy.extensions.matching.input_matchers.metadata.v3.Metadata","value":` + value + `}}}}`
}

func claimInput(name string) string {
	return `{"name":"in","typedConfig":{"@type":"type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput","filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"` + name + `"}]}}`
}

// list is what follows a match, or a filter whose tree refuses what none of it takes.
func list(entries ...string) string {
	return `{"matcher":{"matcherList":{"matchers":[` + strings.Join(entries, ",") + `]}}}`
}

func when(predicate, onMatch string) string {
	return `{"predicate":` + predicate + `,"onMatch":` + onMatch + `}`
}

// asks are requests with each of the texts in the header x, and each of the values of y that below may ask for.
func asks(texts ...string) []string {
	out := []string{"/", "/\nY: 1"}
	for _, x := range texts {
		for _, y := range []string{"", "1", "2", "3", "4"} {
			out = append(out, "/\nX: "+x+"\nY: "+y)
		}
	}
	return out
}

// indexes are the forms in which many rules are looked up, over a header and over a text that a filter left.
func indexes() map[string]trial {
	out := map[string]trial{}
	for kind, in := range map[string]string{"header": headerIn("x"), "state": stateIn("x")} {
		one, two, three, four := below("1", "DENY", "one"), below("2", "DENY", "two"), below("3", "DENY", "three"), below("4", "DENY", "four")
		both := list(when(single("y", `{"exact":"1"}`), named("DENY", "first")), when(single("y", `{"safeRegex":{"googleRe2":{},"regex":"[12]"}}`), named("DENY", "second")))
		out["exact map over "+kind] = trial{mapOf("exactMatchMap", in, `"/a":`+one, `"/b":`+both, `"/c":`+named("DENY", "c")), asks("/a", "/b", "/c", "/A", "/a/", "a,/a", "-")}
		out["prefix map over "+kind] = trial{mapOf("prefixMatchMap", in, `"/a":`+one, `"/a/b":`+two, `"/a/b/c":`+three, `"/":`+four, `"/x":`+named("DENY", "x")), asks("/a", "/a/b", "/a/b/c/d", "/", "", "/ab", "a", "/x/y")}
		out["a prefix that is empty over "+kind] = trial{mapOf("prefixMatchMap", in, `"":`+one, `"/a":`+two), asks("/a", "/", "", "b")}
		out["a chain of sections over "+kind] = trial{chainOf(in, one, two), asks("/a", "/ab", "/b", "/c.php", "/a.php")}
		out["addresses over "+kind] = trial{ranges(in, block(one, "10.0.0.0/8", "2001:db8::/32"), block(two, "10.1.0.0/16", "11.0.0.0/8"), block(three, "10.0.0.0/8", "10.1.2.3/32"), block(four, "0.0.0.0/0"), block(named("DENY", "v6"), "::ffff:0.0.0.0/96")),
			asks("10.1.2.3", "10.1.2.4", "10.2.0.1", "11.1.1.1", "12.1.1.1", "2001:db8::1", "2001:db9::1", "::ffff:10.1.2.3", "10.1.2", "", "10.1.2.3:80", "[2001:db8::1]", "::1")}
	}
	for _, value := range []string{`{"stringMatch":{"exact":"a"}}`, `{"stringMatch":{"exact":"5"}}`, `{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":{"stringMatch":{"safeRegex":{"regex":"a|b"}}}}},{"stringMatch":{"exact":"a"}}]}}`} {
		for _, claim := range []string{"text", "list", "number", "none"} {
			out[fmt.Sprintf("claim %s at a leaf by %s", claim, value)] = trial{mapOf("exactMatchMap", headerIn("x"), `"a":`+list(when(claimIn(claim, value), named("DENY", "claim")))), asks("a", "b")}
		}
	}
	out["a claim in an exact map"] = trial{mapOf("exactMatchMap", claimInput("text"), `"a":`+named("DENY", "claim")), asks("a")}
	out["no claim, negated"] = trial{list(when(`{"notMatcher":`+claimIn("none", `{"stringMatch":{"exact":"a"}}`)+`}`, named("ALLOW", "not"))), asks("a")}
	out["rules beside an index"] = trial{`{"rules":{"action":"DENY","policies":{"a":` + everything + `}},` + mapOf("exactMatchMap", headerIn("x"), `"a":`+named("DENY", "a"))[1:], asks("a", "b")}
	out["an index that allows"] = trial{`{"matcher":{"matcherTree":{"input":` + stateIn("x") + `,"exactMatchMap":{"map":{"a":` + below("1", "ALLOW", "one") + `,"b":` + named("ALLOW", "b") + `}}}}}`, asks("a", "b", "c")}
	return out
}

// chainOf are three sections, each of which is tried where those before decide nothing.
func chainOf(in, one, two string) string {
	last := mapOf("exactMatchMap", in, `"/c.php":`+named("DENY", "php"))
	second := strings.Replace(mapOf("prefixMatchMap", in, `"/a":`+two), named("ALLOW", "none"), last, 1)
	return strings.Replace(mapOf("exactMatchMap", in, `"/a":`+one, `"/b":`+named("DENY", "b")), named("ALLOW", "none"), second, 1)
}
