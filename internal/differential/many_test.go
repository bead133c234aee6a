package differential

// many makes policies that are alike, as there are thousands of where forms for many rules count: each finds requests by
// one or two things, and their values meet, lie in one another, or differ by what a rule asks besides.
func (g *generator) many() []object {
	like := alike{g, g.kinds(), g.IntN(3)}
	actions := [][]string{{"DENY"}, {"ALLOW"}, {"DENY", "DENY", "ALLOW"}}[g.IntN(3)]
	var out []object
	for range 3 + g.IntN(14) {
		spec := object{"action": g.pick(actions...), "rules": []any{like.rule()}}
		if g.in(6) {
			spec["rules"] = []any{like.rule(), like.rule()}
		}
		out = append(out, g.object("AuthorizationPolicy", spec))
	}
	return out
}

// kinds are those of found that rules are of: paths and hosts, or what tokens say, or addresses, or any.
func (g *generator) kinds() []int {
	from := [][]int{{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 5}, {6, 7, 8, 9, 10}, {11, 12}, g.Perm(kindsFound)}[g.IntN(5)]
	var out []int
	for _, i := range g.Perm(len(from))[:1+g.IntN(len(from))] {
		out = append(out, from[i])
	}
	return out
}

// alike makes rules that are alike.
type alike struct {
	*generator
	// kinds are those of found.
	kinds []int
	// more is how often a rule asks for more: not at all, seldom, mostly.
	more int
}

// rule takes few requests.
func (g alike) rule() object {
	out := g.found(g.kinds[g.IntN(len(g.kinds))])
	if g.IntN(4) >= g.more+1 {
		return out
	}
	switch g.IntN(8) {
	case 0:
		g.source(out)["notRemoteIpBlocks"] = g.of("remote", 1)
	case 1:
		g.operation(out)["notPaths"] = g.of("path", 1)
	case 2:
		out["when"] = []any{g.condition(conditions())}
	case 3:
		g.source(out)["requestPrincipals"] = g.of("requester", 2)
	case 4:
		g.operation(out)["hosts"] = g.of("host", 2)
	default:
		g.operation(out)["methods"] = g.of("method", 2)
	}
	return out
}

const kindsFound = 15

// found is a rule by one kind of what requests are found by.
func (g *generator) found(kind int) object {
	out := object{}
	switch kind {
	case 0, 1, 2, 3:
		g.operation(out)["paths"] = g.of([]string{"exact path", "prefix path", "suffix path", "template"}[kind], 1+g.IntN(3))
	case 4:
		g.operation(out)["hosts"] = g.of("host", 2)
	case 5:
		g.operation(out)["paths"], g.operation(out)["methods"] = g.of("exact path", 2), g.of("method", 2)
	case 6, 7, 8, 9:
		key := []string{"request.auth.claims[sub]", "request.auth.claims[groups]", "request.auth.claims[level]", "request.auth.audiences"}[kind-6]
		out["when"] = []any{object{"key": key, "values": g.of([]string{"subject", "claim", "number", "audience"}[kind-6], 2)}}
	case 10:
		g.source(out)["requestPrincipals"] = g.of("requester", 1+g.IntN(6))
	case 11:
		g.source(out)["remoteIpBlocks"] = g.of("remote", 3)
	case 12:
		g.source(out)["ipBlocks"] = g.of("address", 2)
	case 13:
		g.source(out)["principals"] = g.of("principal", 2)
	default:
		out["when"] = []any{object{"key": "request.headers[x-a]", "values": g.of("text", 2)}}
	}
	return out
}

// operation and source are the one of each that a rule has.
func (g *generator) operation(rule object) object { return only(rule, "to", "operation") }
func (g *generator) source(rule object) object    { return only(rule, "from", "source") }

func only(rule object, list, field string) object {
	if rule[list] == nil {
		rule[list] = []any{object{field: object{}}}
	}
	return rule[list].([]any)[0].(object)[field].(object)
}
