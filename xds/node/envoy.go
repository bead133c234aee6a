package node

import (
	"cmp"
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// Release is a release of Envoy. The zero value is one that is not known.
type Release struct {
	Major, Minor, Patch uint32
	// Label is what a build has behind its number, such as dev. Releases have none.
	Label string
}

// Tested returns the releases that Portreeve's tests were run with, oldest first. It is the one
// table of them: the first is the oldest that is served.
func Tested() []Release {
	return []Release{{Major: 1, Minor: 39, Patch: 3}, {Major: 1, Minor: 40}}
}

// Known reports whether the node said which release it is.
func (r Release) Known() bool { return r != Release{} }

// String returns the release as MAJOR.MINOR.PATCH-LABEL, and nothing for one that is not known.
func (r Release) String() string {
	if !r.Known() {
		return ""
	}
	text := fmt.Sprintf("%d.%d.%d", r.Major, r.Minor, r.Patch)
	if r.Label != "" {
		text += "-" + r.Label
	}
	return text
}

// MarshalText implements encoding.TextMarshaler, with String.
func (r Release) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Unfit says why a gateway of this release must be served nothing, or returns the empty string.
//
// An Envoy drops the fields that it does not know from what it is served, without refusing it, and
// with them conditions and filters that decide: an older one opens what the policy closes. So one
// that is older than the tested ones, or does not say what it is, is not served: it fails closed.
// A newer one knows the fields of the older ones, so it is served; see Untested.
func (r Release) Unfit() string {
	oldest := Tested()[0]
	switch {
	case !r.Known():
		return fmt.Sprintf("the node does not say which Envoy it is (user_agent_build_version), want %d.%d.0 or newer: an older one ignores parts of the policy without a word; see --allow-untested-envoy", oldest.Major, oldest.Minor)
	case r.before(oldest):
		return fmt.Sprintf("the gateway's Envoy is %s, want %d.%d.0 or newer: an older one ignores parts of the policy without a word; see --allow-untested-envoy", r, oldest.Major, oldest.Minor)
	default:
		return ""
	}
}

// before reports whether the release is of a minor version before another's. The patch does not
// count, since patches bring no fields; but a build that is labelled, as those are that come
// before the release, may lack what the release has.
func (r Release) before(oldest Release) bool {
	if by := cmp.Or(cmp.Compare(r.Major, oldest.Major), cmp.Compare(r.Minor, oldest.Minor)); by != 0 {
		return by < 0
	}
	return r.Patch == 0 && r.Label != ""
}

// Untested reports whether the release is of a minor version that no test was run with.
func (r Release) Untested() bool {
	for _, tested := range Tested() {
		if r.Major == tested.Major && r.Minor == tested.Minor {
			return r.before(tested)
		}
	}
	return true
}

// releaseOf reads which Envoy a node is. A version that is a text is not Envoy's.
func releaseOf(n *corev3.Node) Release {
	build := n.GetUserAgentBuildVersion()
	number := build.GetVersion()
	if number == nil {
		return Release{}
	}
	r := Release{Major: number.GetMajorNumber(), Minor: number.GetMinorNumber(), Patch: number.GetPatch()}
	if !r.Known() {
		return r
	}
	if label := build.GetMetadata().GetFields()["build.label"].GetStringValue(); label != "" {
		r.Label = plainLabel(label)
	}
	return r
}

// plainLabel returns a label as it can be shown; what cannot be is a label all the same.
func plainLabel(label string) string {
	plain := strings.IndexFunc(label, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) < 0
	if !plain || len(label) > maxName {
		return "labelled"
	}
	return label
}
