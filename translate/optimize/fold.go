package optimize

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/policy"
)

// The rule fold: many values of one condition become a few expressions.
//
//	or(path /a, path /b, path /c*, …)  →  or(path ~ (?:/a|/b|…), path ~ (?:/c|…)(?s:.*))
//
// It does so within each rule of each filter, also in those that only report, for every text that a rule can
// ask for: paths, templates, hosts, methods, headers, server names, peers and values of metadata.
//
// Equal, because Envoy matches an expression against all of a text, which is then one of the alternatives, and
// because each of the conditions looks at the same text, or at each of the same texts: any of them matches any
// of the values. A value that an expression does not say to the letter stays as it is (expressionOf), and so
// does a condition that is inverted or takes what is missing for empty.
//
// Rules keep their names, their order and their actions, and so does all that is reported by them.
func fold(filters []policy.Filter, o Options, known *Known) []policy.Filter {
	f := folder{least: o.Thresholds.Fold, known: &known.folds}
	out := make([]policy.Filter, 0, len(filters))
	for _, filter := range filters {
		if config, ok := filter.Config.(*rbachttpv3.RBAC); ok {
			filter.Config = f.filter(config)
		}
		out = append(out, filter)
	}
	return out
}

// folder folds from so many values of a kind on.
type folder struct {
	least int
	known *foldMemory
}

// foldMemory remembers what was made of filters and of rules.
type foldMemory struct {
	filters memory[foldKey[*rbachttpv3.RBAC], *rbachttpv3.RBAC]
	rules   memory[foldKey[*rbacv3.Policy], *rbacv3.Policy]
}

// foldKey is a message, and from how many values on it is folded.
type foldKey[M comparable] struct {
	message M
	least   int
}

func (m *foldMemory) follow(o *foldMemory) {
	m.filters.follow(&o.filters)
	m.rules.follow(&o.rules)
}

// filter folds the rules of a filter. Where there is nothing to fold it is the same filter.
func (f folder) filter(m *rbachttpv3.RBAC) *rbachttpv3.RBAC {
	return f.known.filters.of(foldKey[*rbachttpv3.RBAC]{m, f.least}, func() *rbachttpv3.RBAC {
		rules, shadow := f.rules(m.GetRules()), f.rules(m.GetShadowRules())
		if rules == m.GetRules() && shadow == m.GetShadowRules() {
			return m
		}
		out := shallow(m)
		out.Rules, out.ShadowRules = rules, shadow
		return out
	})
}

// rules folds each of a set.
func (f folder) rules(m *rbacv3.RBAC) *rbacv3.RBAC {
	var out *rbacv3.RBAC
	for name, rule := range m.GetPolicies() {
		folded := f.known.rules.of(foldKey[*rbacv3.Policy]{rule, f.least}, func() *rbacv3.Policy { return f.rule(rule) })
		if folded == rule {
			continue
		}
		if out == nil {
			out = withOwnPolicies(m)
		}
		out.Policies[name] = folded
	}
	if out == nil {
		return m
	}
	return out
}

func withOwnPolicies(m *rbacv3.RBAC) *rbacv3.RBAC {
	out := shallow(m)
	out.Policies = make(map[string]*rbacv3.Policy, len(m.GetPolicies()))
	for name, rule := range m.GetPolicies() {
		out.Policies[name] = rule
	}
	return out
}

func (f folder) rule(m *rbacv3.Policy) *rbacv3.Policy {
	permissions, some := mapped(m.GetPermissions(), f.permission)
	permissions, more := foldTexts(permissions, f.least, permissionText)
	asked := factored(m.GetPrincipals(), f.least)
	principals, others := mapped(asked, f.principal)
	principals, last := foldTexts(principals, f.least, principalText)
	if !some && !more && !others && !last && slices.Equal(asked, m.GetPrincipals()) {
		return m
	}
	out := shallow(m)
	out.Permissions, out.Principals = permissions, principals
	return out
}

// mapped returns what is made of each, and whether anything has changed.
func mapped[T comparable](of []T, made func(T) T) ([]T, bool) {
	var out []T
	for i, one := range of {
		other := made(one)
		if other == one {
			continue
		}
		if out == nil {
			out = append(out, of...)
		}
		out[i] = other
	}
	if out == nil {
		return of, false
	}
	return out, true
}

// shallow returns a message with the same fields: what they hold is shared and must not be changed.
func shallow[M proto.Message](m M) M {
	out := m.ProtoReflect().New()
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		out.Set(field, value)
		return true
	})
	return out.Interface().(M)
}
