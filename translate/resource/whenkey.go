package resource

import (
	"slices"
	"strings"
)

// WhenKeys returns the keys that a condition can have. Those that end with [] take a name
// in the brackets; request.auth.claims takes several, one in the other. A new key is written
// here and matched in package policy, by rbacprincipal.go or rbacpermission.go.
func WhenKeys() []string {
	return []string{
		HeaderKey + "[]", "source.ip", "remote.ip", "source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal",
		"request.auth.principal", "request.auth.audiences", "request.auth.presenter", ClaimKey + "[]",
		"destination.ip", "destination.port", "connection.sni", experimentalKey + "*[]",
	}
}

// The keys that take names in brackets, without these.
const (
	HeaderKey       = "request.headers"
	ClaimKey        = "request.auth.claims"
	experimentalKey = "experimental.envoy.filters."
)

const notAKey = "is not a key of a condition"

// WhenKey is the key of a condition, taken apart.
type WhenKey struct {
	// Name is the key without its brackets.
	Name string
	// Args are the names in the brackets, in their order.
	Args []string
}

// FilterNamespace returns the name of the filter whose metadata a key asks for. It reports false
// where the key asks for anything else.
func (k WhenKey) FilterNamespace() (string, bool) {
	filter, ok := strings.CutPrefix(k.Name, experimentalKey)
	return "envoy.filters." + filter, ok
}

// ReadWhenKey takes a key apart. It says why there is no such key, or "". This is the only
// place that knows how keys are written.
func ReadWhenKey(key string) (WhenKey, string) {
	name, rest, bracketed := strings.Cut(key, "[")
	filter, experimental := strings.CutPrefix(name, experimentalKey)
	takesName := name == HeaderKey || name == ClaimKey || experimental && filter != ""
	switch {
	case !bracketed && slices.Contains(WhenKeys(), name):
		return WhenKey{Name: name}, ""
	case !takesName:
		return WhenKey{}, notAKey
	case !bracketed:
		return WhenKey{}, "needs a name in brackets"
	}
	names, closed := strings.CutSuffix(rest, "]")
	args := strings.Split(names, "][")
	for _, arg := range args {
		if !closed || arg == "" || strings.ContainsAny(arg, "[]") {
			return WhenKey{}, "does not have a name in each pair of brackets"
		}
	}
	switch {
	case name == HeaderKey && (len(args) > 1 || !isHeaderKey(names)):
		return WhenKey{}, "does not have the name of a header in its brackets"
	case experimental && len(args) > 1:
		return WhenKey{}, "has more than one name in brackets"
	}
	return WhenKey{Name: name, Args: args}, ""
}

// isHeaderKey accepts a token, by which HTTP names headers, and the pseudo headers (:path).
func isHeaderKey(s string) bool {
	s = strings.TrimPrefix(s, ":")
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
