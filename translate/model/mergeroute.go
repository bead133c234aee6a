package model

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// mergeRoutes returns a delegate's route with what it does not say itself taken from the
// route that delegates, or false where their matches contradict each other.
func mergeRoutes(root, sub *networkingv1alpha3.HTTPRoute) (*networkingv1alpha3.HTTPRoute, bool) {
	matches, ok := mergeMatches(root.GetMatch(), sub.GetMatch())
	if !ok {
		return nil, false
	}
	sub.Match, sub.Name = matches, joined(root.GetName(), sub.GetName())
	from, to := root.ProtoReflect(), sub.ProtoReflect()
	for _, name := range []string{"rewrite", "direct_response", "timeout", "retries", "fault", "mirror", "mirror_percent", "mirror_percentage", "mirrors", "cors_policy", "headers"} {
		f := from.Descriptor().Fields().ByTextName(name)
		if from.Has(f) && !to.Has(f) {
			to.Set(f, from.Get(f))
		}
	}
	return sub, true
}

func joined(root, sub string) string {
	if root == "" || sub == "" {
		return root + sub
	}
	return root + "-" + sub
}

// mergeMatches returns what each match of a delegate makes together with each match of the
// route that delegates which it is within. A match that is within none contradicts.
func mergeMatches(root, sub []*networkingv1alpha3.HTTPMatchRequest) ([]*networkingv1alpha3.HTTPMatchRequest, bool) {
	if len(root) == 0 {
		return sub, true
	}
	if len(sub) == 0 {
		return root, true
	}
	var out []*networkingv1alpha3.HTTPMatchRequest
	for _, s := range sub {
		before := len(out)
		for _, r := range root {
			if within(s, r) {
				out = append(out, mergeMatch(r, s))
			}
		}
		if len(out) == before {
			return nil, false
		}
	}
	return out, true
}

// mergeMatch returns the match that asks for both: the delegate's condition is within the
// other's where both have one. What is ruled out is the other way round: the wider of two
// texts counts. Istio takes the delegate's, with which it could let in what the route that
// delegates rules out.
func mergeMatch(root, sub *networkingv1alpha3.HTTPMatchRequest) *networkingv1alpha3.HTTPMatchRequest {
	out := proto.Clone(root).(*networkingv1alpha3.HTTPMatchRequest)
	to := out.ProtoReflect()
	sub.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !f.IsMap() {
			to.Set(f, v)
			return true
		}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			to.Mutable(f).Map().Set(k, v)
			return true
		})
		return true
	})
	for name, m := range root.GetWithoutHeaders() {
		if textWithin(sub.GetWithoutHeaders()[name], m) {
			out.WithoutHeaders[name] = m
		}
	}
	out.Name = joined(root.GetName(), sub.GetName())
	return out
}

// within mirrors Istio's rule for a delegate's match: every condition that both have must be
// within the other's, and what tells gateways apart must not contradict.
func within(sub, root *networkingv1alpha3.HTTPMatchRequest) bool {
	if sub.GetIgnoreUriCase() != root.GetIgnoreUriCase() || sub.GetPort() != 0 && root.GetPort() != 0 && sub.GetPort() != root.GetPort() {
		return false
	}
	if root.GetSourceNamespace() != "" && sub.GetSourceNamespace() != root.GetSourceNamespace() {
		return false
	}
	for k, v := range sub.GetSourceLabels() {
		if have, ok := root.GetSourceLabels()[k]; ok && have != v {
			return false
		}
	}
	if len(root.GetGateways()) > 0 && slices.ContainsFunc(sub.GetGateways(), func(g string) bool { return !slices.Contains(root.GetGateways(), g) }) {
		return false
	}
	return textWithin(sub.GetUri(), root.GetUri()) && textWithin(sub.GetScheme(), root.GetScheme()) &&
		textWithin(sub.GetMethod(), root.GetMethod()) && textWithin(sub.GetAuthority(), root.GetAuthority()) &&
		textsWithin(sub.GetHeaders(), root.GetHeaders()) && textsComparable(sub.GetWithoutHeaders(), root.GetWithoutHeaders()) &&
		textsWithin(sub.GetQueryParams(), root.GetQueryParams())
}

// textsComparable reports whether of two texts for one name one is within the other.
func textsComparable(a, b map[string]*networkingv1alpha3.StringMatch) bool {
	for name, m := range a {
		if !textWithin(m, b[name]) && !textWithin(b[name], m) {
			return false
		}
	}
	return true
}

func textsWithin(sub, root map[string]*networkingv1alpha3.StringMatch) bool {
	for name, m := range sub {
		if !textWithin(m, root[name]) {
			return false
		}
	}
	return true
}

// textWithin reports whether every text that sub matches is one that root matches. Nobody
// compares regular expressions: beside any other match they are not within it.
func textWithin(sub, root *networkingv1alpha3.StringMatch) bool {
	if sub == nil || root == nil {
		return true
	}
	if sub.GetRegex() != "" || root.GetRegex() != "" {
		return false
	}
	text := sub.GetExact() + sub.GetPrefix()
	switch {
	case root.GetExact() != "":
		return sub.GetExact() == root.GetExact()
	case root.GetPrefix() != "":
		return text != "" && strings.HasPrefix(text, root.GetPrefix())
	default:
		return false
	}
}
