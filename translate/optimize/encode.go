package optimize

import (
	"fmt"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// fieldMatcher and predicate have long names in the generated code.
type (
	fieldMatcher = xdsmatcherv3.Matcher_MatcherList_FieldMatcher
	predicate    = xdsmatcherv3.Matcher_MatcherList_Predicate
)

// The numbers of the fields that are encoded by themselves, piece by piece, so that a piece can be remembered.
const (
	matchersField protowire.Number = 1 // of MatcherList
	mapField      protowire.Number = 1 // of MatchMap
	keyField      protowire.Number = 1 // of an entry of a map
	valueField    protowire.Number = 2
)

// appendField appends a field whose value is a text or an encoded message.
func appendField(to []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), value)
}

// marshal encodes a message, equal ones equally.
func marshal(m proto.Message) []byte {
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil { // as in match.Any
		panic(fmt.Sprintf("marshal %s: %v", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return out
}

// withContent returns a message that is encoded as the one it is given, with fields behind it that are encoded already. Who reads
// the message itself does not see them.
func withContent[M proto.Message](m M, content []byte) M {
	m.ProtoReflect().SetUnknown(content)
	return m
}

// extension names a message by its own type.
func extension(m proto.Message) *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{Name: string(m.ProtoReflect().Descriptor().Name()), TypedConfig: match.Any(m)}
}

// decides returns the action of a rule.
func decides(rule string, action rbacv3.RBAC_Action) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{Action: extension(&rbacv3.Action{Name: rule, Action: action})}}
}

// follows leads on to a tree.
func follows(m *xdsmatcherv3.Matcher) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: m}}
}

// onMatch returns, encoded, what asks the leaves in their order, up to one that asks nothing: none behind it is ever reached.
func (e entry) onMatch() []byte {
	leaves := e.leaves
	if !leaves[0].asks {
		return leaves[0].encoded
	}
	var list []byte
	m := &xdsmatcherv3.Matcher{}
	for _, l := range leaves {
		if !l.asks {
			m.OnNoMatch = withContent(&xdsmatcherv3.Matcher_OnMatch{}, l.encoded)
			break
		}
		list = appendField(list, matchersField, l.encoded)
	}
	m.MatcherType = &xdsmatcherv3.Matcher_MatcherList_{MatcherList: withContent(&xdsmatcherv3.Matcher_MatcherList{}, list)}
	return marshal(follows(m))
}

// mapEntries encodes entries of a map.
func mapEntries(entries []entry) []byte {
	var out []byte
	for _, e := range entries {
		out = appendField(out, mapField, appendField(appendField(nil, keyField, []byte(e.key)), valueField, e.onMatch()))
	}
	return out
}
