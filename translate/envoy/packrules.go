package envoy

import (
	"cmp"
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// manyRules is from how many rules on their encodings are remembered one by one.
const manyRules = 64

// packedRules are the rules of one set, in the order of their names, and how each is encoded.
type packedRules struct {
	of      map[string]*rbacv3.Policy
	entries []packedRule
}

type packedRule struct {
	name    string
	policy  *rbacv3.Policy
	encoded []byte
}

// packRules packs the config of a filter as match.Any does. Where it has many rules, what is remembered of others is
// put together: all rules of a gateway are one message, and an edit changes few of them.
func (p *packed) packRules(others []*packed) *anypb.Any {
	var rules, shadow *rbacv3.RBAC
	switch c := p.config.(type) {
	case *rbachttpv3.RBAC:
		rules, shadow = c.GetRules(), c.GetShadowRules()
	case *rbacnetworkv3.RBAC:
		rules, shadow = c.GetRules(), c.GetShadowRules()
	}
	if len(rules.GetPolicies())+len(shadow.GetPolicies()) < manyRules {
		return match.Any(p.config)
	}
	out := copied(p.config.ProtoReflect())
	for field, set := range map[protoreflect.Name]*rbacv3.RBAC{"rules": rules, "shadow_rules": shadow} {
		if set == nil || set.GetAuditLoggingOptions() != nil { // which would stand behind the rules
			continue
		}
		made := packedRulesOf(set.GetPolicies(), closest(others, field, set.GetPolicies()))
		p.rules[field] = made
		short := &rbacv3.RBAC{Action: set.GetAction()}
		short.ProtoReflect().SetUnknown(made.encoded())
		out.Set(out.Descriptor().Fields().ByName(field), protoreflect.ValueOfMessage(short.ProtoReflect()))
	}
	return match.Any(out.Interface())
}

// copied returns a copy that shares what the message holds.
func copied(m protoreflect.Message) protoreflect.Message {
	out := m.New()
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		out.Set(f, v)
		return true
	})
	out.SetUnknown(m.GetUnknown())
	return out
}

// closest returns of others the rules that have the most in common with a set, as far as some of them tell.
func closest(others []*packed, field protoreflect.Name, set map[string]*rbacv3.Policy) *packedRules {
	var out *packedRules
	most := 0
	for _, o := range others {
		known := o.rules[field]
		if known == nil {
			continue
		}
		same, step := 0, max(1, len(known.entries)/manyRules)
		for i := 0; i < len(known.entries); i += step {
			if e := known.entries[i]; set[e.name] == e.policy {
				same++
			}
		}
		if same > most {
			out, most = known, same
		}
	}
	return out
}

// packedRulesOf encodes rules, but for those that are known.
func packedRulesOf(set map[string]*rbacv3.Policy, known *packedRules) *packedRules {
	out := &packedRules{of: set, entries: make([]packedRule, 0, len(set))}
	if known == nil {
		known = &packedRules{}
	}
	for _, e := range known.entries {
		if policy, there := set[e.name]; there {
			if policy != e.policy {
				e = packedRuleOf(e.name, policy)
			}
			out.entries = append(out.entries, e)
		}
	}
	if len(out.entries) == len(set) {
		return out
	}
	for name, policy := range set {
		if _, had := known.of[name]; !had {
			out.entries = append(out.entries, packedRuleOf(name, policy))
		}
	}
	slices.SortFunc(out.entries, func(a, b packedRule) int { return cmp.Compare(a.name, b.name) })
	return out
}

// packedRuleOf encodes a rule as an entry of the map of rules.
func packedRuleOf(name string, policy *rbacv3.Policy) packedRule {
	value := match.Any(policy).GetValue()
	const key, of = protowire.Number(1), protowire.Number(2)
	size := protowire.SizeTag(key) + protowire.SizeBytes(len(name)) + protowire.SizeTag(of) + protowire.SizeBytes(len(value))
	b := make([]byte, 0, protowire.SizeTag(of)+protowire.SizeBytes(size))
	b = protowire.AppendVarint(protowire.AppendTag(b, policies, protowire.BytesType), uint64(size)) //nolint:gosec // never negative
	b = protowire.AppendString(protowire.AppendTag(b, key, protowire.BytesType), name)
	b = protowire.AppendBytes(protowire.AppendTag(b, of, protowire.BytesType), value)
	return packedRule{name: name, policy: policy, encoded: b}
}

// policies is the number of the field of a set that holds its rules.
const policies protowire.Number = 2

// encoded returns the encodings of all rules. From then on each stands in there, so that nothing is held twice.
func (p *packedRules) encoded() []byte {
	size := 0
	for _, e := range p.entries {
		size += len(e.encoded)
	}
	out := make([]byte, 0, size)
	for i, e := range p.entries {
		out = append(out, e.encoded...)
		p.entries[i].encoded = out[len(out)-len(e.encoded):]
	}
	return out
}
