package optimize

import (
	"strconv"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// permission folds below a permission, and is the same where nothing is folded.
func (f folder) permission(p *rbacv3.Permission) *rbacv3.Permission {
	switch rule := p.GetRule().(type) {
	case *rbacv3.Permission_AndRules:
		if rules, some := mapped(rule.AndRules.GetRules(), f.permission); some {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_AndRules{AndRules: &rbacv3.Permission_Set{Rules: rules}}}
		}
	case *rbacv3.Permission_OrRules:
		rules, some := mapped(rule.OrRules.GetRules(), f.permission)
		if rules, more := foldTexts(rules, f.least, permissionText); some || more {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: rules}}}
		}
	case *rbacv3.Permission_NotRule:
		if folded := f.permission(rule.NotRule); folded != rule.NotRule {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_NotRule{NotRule: folded}}
		}
	case *rbacv3.Permission_SourcedMetadata:
		if folded := f.metadata(rule.SourcedMetadata); folded != rule.SourcedMetadata {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_SourcedMetadata{SourcedMetadata: folded}}
		}
	}
	return p
}

// principal folds below a principal, and is the same where nothing is folded.
func (f folder) principal(p *rbacv3.Principal) *rbacv3.Principal {
	switch id := p.GetIdentifier().(type) {
	case *rbacv3.Principal_AndIds:
		if ids, some := mapped(id.AndIds.GetIds(), f.principal); some {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{Ids: ids}}}
		}
	case *rbacv3.Principal_OrIds:
		ids, some := mapped(id.OrIds.GetIds(), f.principal)
		if ids, more := foldTexts(ids, f.least, principalText); some || more {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: ids}}}
		}
	case *rbacv3.Principal_NotId:
		if folded := f.principal(id.NotId); folded != id.NotId {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: folded}}
		}
	case *rbacv3.Principal_SourcedMetadata:
		if folded := f.metadata(id.SourcedMetadata); folded != id.SourcedMetadata {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: folded}}
		}
	}
	return p
}

// metadata folds the alternatives of a value. Those in a list hold of one element each, so any of them holds of
// any element, folded or not.
func (f folder) metadata(m *rbacv3.SourcedMetadata) *rbacv3.SourcedMetadata {
	value := f.value(m.GetMetadataMatcher().GetValue())
	if value == m.GetMetadataMatcher().GetValue() {
		return m
	}
	matcher := shallow(m.GetMetadataMatcher())
	matcher.Value = value
	out := shallow(m)
	out.MetadataMatcher = matcher
	return out
}

func (f folder) value(m *matcherv3.ValueMatcher) *matcherv3.ValueMatcher {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.ValueMatcher_OrMatch:
		values, some := mapped(p.OrMatch.GetValueMatchers(), f.value)
		values, more := foldTexts(values, f.least, valueText)
		switch {
		case len(values) == 1:
			return values[0]
		case some || more:
			return match.AnyValue(values...)
		}
	case *matcherv3.ValueMatcher_ListMatch:
		if one := p.ListMatch.GetOneOf(); one != nil {
			if folded := f.value(one); folded != one {
				return match.InList(folded)
			}
		}
	}
	return m
}

func valueText(m *matcherv3.ValueMatcher) (textual[*matcherv3.ValueMatcher], bool) {
	e, ok := expressionOf(m.GetStringMatch())
	return textual[*matcherv3.ValueMatcher]{expression: e, asking: match.StringValue}, ok
}

// permissionText reads a permission that asks for one text; a list of one says the same as what is in it.
func permissionText(p *rbacv3.Permission) (textual[*rbacv3.Permission], bool) {
	switch rule := p.GetRule().(type) {
	case *rbacv3.Permission_AndRules:
		return onlyText(rule.AndRules.GetRules(), permissionText)
	case *rbacv3.Permission_OrRules:
		return onlyText(rule.OrRules.GetRules(), permissionText)
	case *rbacv3.Permission_UrlPath:
		return asText("path", rule.UrlPath.GetPath(), pathPermission)
	case *rbacv3.Permission_UriTemplate:
		e, ok := templateExpression(rule.UriTemplate)
		return textual[*rbacv3.Permission]{expression: e, about: "path", asking: pathPermission}, ok
	case *rbacv3.Permission_Header:
		return asText(headerText(rule.Header), rule.Header.GetStringMatch(), func(m *matcherv3.StringMatcher) *rbacv3.Permission {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: headerAsking(rule.Header.GetName(), m)}}
		})
	case *rbacv3.Permission_RequestedServerName:
		return asText("server name", rule.RequestedServerName, func(m *matcherv3.StringMatcher) *rbacv3.Permission {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_RequestedServerName{RequestedServerName: m}}
		})
	default:
		return textual[*rbacv3.Permission]{}, false
	}
}

// principalText reads a principal that asks for one text.
func principalText(p *rbacv3.Principal) (textual[*rbacv3.Principal], bool) {
	switch id := p.GetIdentifier().(type) {
	case *rbacv3.Principal_AndIds:
		return onlyText(id.AndIds.GetIds(), principalText)
	case *rbacv3.Principal_OrIds:
		return onlyText(id.OrIds.GetIds(), principalText)
	case *rbacv3.Principal_Authenticated_:
		return asText("peer", id.Authenticated.GetPrincipalName(), func(m *matcherv3.StringMatcher) *rbacv3.Principal {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_Authenticated_{Authenticated: &rbacv3.Principal_Authenticated{PrincipalName: m}}}
		})
	case *rbacv3.Principal_Header:
		return asText(headerText(id.Header), id.Header.GetStringMatch(), func(m *matcherv3.StringMatcher) *rbacv3.Principal {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_Header{Header: headerAsking(id.Header.GetName(), m)}}
		})
	case *rbacv3.Principal_SourcedMetadata:
		return asText(metadataText(id.SourcedMetadata), id.SourcedMetadata.GetMetadataMatcher().GetValue().GetStringMatch(), func(m *matcherv3.StringMatcher) *rbacv3.Principal {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: metadataAsking(id.SourcedMetadata, m)}}
		})
	default:
		return textual[*rbacv3.Principal]{}, false
	}
}

func onlyText[T any](of []T, read func(T) (textual[T], bool)) (textual[T], bool) {
	if len(of) != 1 {
		return textual[T]{}, false
	}
	return read(of[0])
}

// asText is false where nothing says about what it is.
func asText[T any](about string, m *matcherv3.StringMatcher, asking func(*matcherv3.StringMatcher) T) (textual[T], bool) {
	e, ok := expressionOf(m)
	return textual[T]{expression: e, about: about, asking: asking}, ok && about != ""
}

func pathPermission(m *matcherv3.StringMatcher) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_UrlPath{UrlPath: &matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: m}}}}
}

// headerText says which header is asked for, and nothing where more than its text counts.
func headerText(m *routev3.HeaderMatcher) string {
	if m.GetInvertMatch() || m.GetTreatMissingHeaderAsEmpty() {
		return ""
	}
	return "header " + m.GetName()
}

func headerAsking(name string, m *matcherv3.StringMatcher) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: m}}
}

// metadataText says which value is asked for, and nothing where its absence counts.
func metadataText(m *rbacv3.SourcedMetadata) string {
	if m.GetMetadataMatcher().GetInvert() {
		return ""
	}
	out := "metadata " + m.GetMetadataSource().String() + " " + strconv.Quote(m.GetMetadataMatcher().GetFilter())
	for _, segment := range m.GetMetadataMatcher().GetPath() {
		out += " " + strconv.Quote(segment.GetKey())
	}
	return out
}

func metadataAsking(m *rbacv3.SourcedMetadata, asks *matcherv3.StringMatcher) *rbacv3.SourcedMetadata {
	matcher := shallow(m.GetMetadataMatcher())
	matcher.Value = match.StringValue(asks)
	out := shallow(m)
	out.MetadataMatcher = matcher
	return out
}
