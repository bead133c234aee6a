package explain

import (
	"strings"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// pathForm is the form into which a connection manager brings paths, so that filters and routes see one
// of all that mean the same.
type pathForm struct {
	normalizes, mergesSlashes bool
	escaped                   hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction
}

// fate is what becomes of a path.
type fate int

const (
	kept fate = iota
	refused
	redirected
)

// of returns a path in that form; its query is left as it is.
func (f pathForm) of(path string) (string, fate) {
	if strings.Contains(path, "#") {
		return path, refused
	}
	path, query := cutQuery(path)
	out := kept
	if plain := withPlainSlashes(path); f.escaped != hcmv3.HttpConnectionManager_KEEP_UNCHANGED && f.escaped != hcmv3.HttpConnectionManager_IMPLEMENTATION_SPECIFIC_DEFAULT && plain != path {
		switch f.escaped {
		case hcmv3.HttpConnectionManager_REJECT_REQUEST:
			return path + query, refused
		case hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT:
			out = redirected
		}
		path = plain
	}
	if f.normalizes {
		resolved, ok := resolve(withoutParametersOfDots(path))
		if !ok {
			return path + query, refused
		}
		path = resolved
	}
	if f.mergesSlashes {
		path = withSingleSlashes(path)
	}
	return path + query, out
}

func cutQuery(path string) (before, query string) {
	if i := strings.IndexByte(path, '?'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

func withPlainSlashes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	return strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`).Replace(path)
}

func withSingleSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	out := strings.Join(parts, "/")
	if strings.HasPrefix(path, "/") {
		out = "/" + out
	}
	if strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}

// withoutParametersOfDots takes what stands behind the dots of /..;a=b/ and /.;/ away, where the dots are
// plain: to many backends it is a parameter, and the dots are resolved.
func withoutParametersOfDots(path string) string {
	if !strings.Contains(path, ";") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments[1:] {
		if before, _, found := strings.Cut(s, ";"); found && (before == "." || before == "..") {
			segments[i+1] = before
		}
	}
	return strings.Join(segments, "/")
}
