package policy

import (
	"fmt"
	"slices"
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// forEachToken widens a rule, written for the one key, to requests with several verified
// tokens: what a rule asks of tokens must hold of one and the same token, and what it rules
// out must be true of none. A rule that does not allow also counts for each token by itself.
// So neither can the claims of two tokens be put together, nor can one token hide another, nor
// make up for what another lacks. The trace of conditions follows, where there is one.
func (of setOf) forEachToken(rule *namedRule) {
	if of.keys == "" {
		return
	}
	keys := strings.Split(of.keys, "\n")
	var principals []*rbacv3.Principal
	moved := movedClauses{from: rule.conditions, to: map[string]diag.Position{}}
	for i, p := range rule.policy.GetPrincipals() {
		each := perToken(p, keys)
		moved.move(i, len(p.GetAndIds().GetIds()), len(principals), len(each), 0)
		principals = append(principals, each...)
		if of.action != securityv1beta1.AuthorizationPolicy_ALLOW {
			others := lacking(p, keys)
			moved.move(i, len(p.GetAndIds().GetIds()), len(principals), len(others), 1)
			principals = append(principals, others...)
		}
	}
	rule.policy.Principals = principals
	if rule.conditions != nil {
		rule.conditions = moved.done()
	}
}

// severalKeys returns the keys of payloads as a set has them: empty where there is one.
func severalKeys(keys []string) string {
	if len(keys) < 2 {
		return ""
	}
	return strings.Join(keys, "\n")
}

// lacking returns what else a rule that does not allow matches: each token that is there, by
// itself, as if it were the only one. One token that is as it must be does not make up for
// another that is not.
func lacking(principal *rbacv3.Principal, keys []string) []*rbacv3.Principal {
	parts := principal.GetAndIds().GetIds()
	if !slices.ContainsFunc(parts, func(p *rbacv3.Principal) bool { return p.GetNotId() != nil && aboutTokens(p) }) {
		return nil
	}
	out := make([]*rbacv3.Principal, 0, len(keys))
	for _, key := range keys {
		ofToken := []*rbacv3.Principal{payload([]string{key}, &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_PresentMatch{PresentMatch: true}})}
		for _, part := range parts {
			ofToken = append(ofToken, inTokens(part, []string{key})[0])
		}
		out = append(out, allIDs(ofToken...))
	}
	return out
}

// perToken returns the alternatives that a principal, which is an AND of parts, has for the
// tokens of a request.
func perToken(principal *rbacv3.Principal, keys []string) []*rbacv3.Principal {
	var parts []*rbacv3.Principal
	asks := false
	for _, part := range principal.GetAndIds().GetIds() {
		switch ruledOut := part.GetNotId(); {
		case !aboutTokens(part):
		case ruledOut != nil:
			part = notID(anyID(inTokens(ruledOut, keys)...))
		default:
			asks = true
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return []*rbacv3.Principal{principal}
	}
	if !asks {
		return []*rbacv3.Principal{allIDs(parts...)}
	}
	out := make([]*rbacv3.Principal, 0, len(keys))
	for _, key := range keys {
		var ofToken []*rbacv3.Principal
		for _, part := range parts {
			if part.GetNotId() == nil {
				part = inTokens(part, []string{key})[0]
			}
			ofToken = append(ofToken, part)
		}
		out = append(out, allIDs(ofToken...))
	}
	return out
}

func aboutTokens(p *rbacv3.Principal) bool {
	found := false
	eachPayloadKey(p, func(*matcherv3.MetadataMatcher_PathSegment_Key) { found = true })
	return found
}

// inTokens returns the principal once for each key.
func inTokens(p *rbacv3.Principal, keys []string) []*rbacv3.Principal {
	out := make([]*rbacv3.Principal, 0, len(keys))
	for _, key := range keys {
		one := proto.Clone(p).(*rbacv3.Principal)
		eachPayloadKey(one, func(segment *matcherv3.MetadataMatcher_PathSegment_Key) { segment.Key = key })
		out = append(out, one)
	}
	return out
}

// eachPayloadKey visits the places of a principal that name the payload's key.
func eachPayloadKey(p *rbacv3.Principal, visit func(*matcherv3.MetadataMatcher_PathSegment_Key)) {
	err := protorange.Range(p.ProtoReflect(), func(v protopath.Values) error {
		message, ok := v.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		if m, ok := message.Interface().(*matcherv3.MetadataMatcher); ok && m.GetFilter() == payloadNamespace && len(m.GetPath()) > 0 {
			if segment, ok := m.GetPath()[0].GetSegment().(*matcherv3.MetadataMatcher_PathSegment_Key); ok {
				visit(segment)
			}
		}
		return nil
	})
	if err != nil { // the visitor returns none
		panic(fmt.Sprintf("walk a principal: %v", err))
	}
}
