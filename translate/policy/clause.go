package policy

import (
	"fmt"
	"maps"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// clauseFields leads from a condition of a rule that Envoy gets, as a path in its message, to the field of
// the rule that asks it: Permissions[0].AndRules.Rules[1] to to[0].operation.paths. Several conditions
// can be of one field: each to and from entry has those of when.
type clauseFields map[string]resource.Path

func permissionClause(to, part int) string {
	return fmt.Sprintf("Permissions[%d].AndRules.Rules[%d]", to, part)
}

func principalClause(from, part int) string {
	return fmt.Sprintf("Principals[%d].AndIds.Ids[%d]", from, part)
}

// note notes which fields the parts of a clause are; where nothing is traced (nil) it does nothing.
func (c clauseFields) note(clause func(entry, part int) string, entry int, parts []ruleField) {
	if c == nil {
		return
	}
	for j, field := range parts {
		c[clause(entry, j)] = field.path()
	}
}

// ruleField is a field of an entry of a rule: to[0].operation.paths, when[1].values.
type ruleField struct {
	entry    string
	index    int
	of, name string
	// excepts says that it is the field that excepts what the name asks for: notPaths.
	excepts bool
}

func (f ruleField) named(name string) ruleField {
	f.name = name
	return f
}

func (f ruleField) except(name string) ruleField {
	f.name, f.excepts = name, true
	return f
}

func (f ruleField) path() resource.Path {
	out := resource.Path{f.entry, f.index}
	if f.of != "" {
		out = append(out, f.of)
	}
	if f.excepts {
		return append(out, "not"+strings.ToUpper(f.name[:1])+f.name[1:])
	}
	return append(out, f.name)
}

// places returns where the conditions are written.
func (c clauseFields) places(at func(resource.Path) diag.Position) map[string]diag.Position {
	out := make(map[string]diag.Position, len(c))
	for clause, field := range c {
		out[clause] = at(field)
	}
	return out
}

// SplitClause splits a name of a Trace into that of a rule and the path of a condition in it, which is empty for
// the rule itself.
func SplitClause(name string) (rule, clause string) {
	for _, list := range []string{".Permissions[", ".Principals["} {
		if i := strings.LastIndex(name, list); i >= 0 {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}

// movedClauses follows the conditions of a rule whose principals are replaced by others.
type movedClauses struct {
	from, to map[string]diag.Position
	// before is how many principals there were, as far as was seen, and parts how many of the most one has.
	before, parts int
}

// move notes that some principals, from an index on, stand for the one that had another. Their parts are
// those of it, behind some more.
func (m *movedClauses) move(from, parts, to, count, more int) {
	if m.from == nil {
		return
	}
	m.before, m.parts = max(m.before, from+1), max(m.parts, parts)
	for j := range parts {
		pos, ok := m.from[principalClause(from, j)]
		for k := range count {
			if ok {
				m.to[principalClause(to+k, j+more)] = pos
			}
		}
	}
}

// done returns the conditions with what was moved in the place of what there was.
func (m *movedClauses) done() map[string]diag.Position {
	out := maps.Clone(m.from)
	for i := range m.before {
		for j := range m.parts {
			delete(out, principalClause(i, j))
		}
	}
	maps.Copy(out, m.to)
	return out
}
