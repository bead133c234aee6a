package test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// pathBackend is how a server finds out which path a target means.
type pathBackend func(target string) string

// pathBackends are the models of servers behind a gateway. Each is more lenient than any one
// server: it takes slashes of every kind, and UTF-8 that is longer than need be.
func pathBackends() map[string]pathBackend {
	return map[string]pathBackend{
		"decodes once":  func(target string) string { return resolved(decodedOnce(target)) },
		"decodes twice": func(target string) string { return resolved(decodedOnce(decodedOnce(target))) },
		"cuts parameters": func(target string) string {
			return resolved(withoutParameters(decodedOnce(withoutParameters(target))))
		},
	}
}

// decodedOnce takes escapes for their bytes, and leaves what is no escape. It reads longer forms of
// characters, and %u, as lenient decoders do.
func decodedOnce(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if b, err := url.PathUnescape(s[i:min(i+3, len(s))]); err == nil && s[i] == '%' && len(b) == 1 {
			out.WriteString(b)
			i += 2
			continue
		}
		if rest, ok := strings.CutPrefix(strings.ToLower(s[i:]), "%u00"); ok && len(rest) >= 2 {
			if b, err := url.PathUnescape("%" + rest[:2]); err == nil {
				out.WriteString(b)
				i += 5
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return shortest(out.String())
}

// shortest replaces the longer forms of a dot and of slashes.
func shortest(s string) string {
	return strings.NewReplacer(
		"\xc0\xae", ".", "\xe0\x80\xae", ".", "\xf0\x80\x80\xae", ".",
		"\xc0\xaf", "/", "\xe0\x80\xaf", "/", "\xc1\x9c", "/", "\xe0\x81\x9c", "/",
	).Replace(s)
}

// withoutParameters cuts each segment at its first semicolon.
func withoutParameters(s string) string {
	segments := strings.Split(s, "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return strings.Join(segments, "/")
}

// resolved resolves dot segments; empty segments count for nothing but at the end.
func resolved(s string) string {
	var out []string
	segments := strings.Split(strings.ReplaceAll(s, `\`, "/"), "/")
	for _, segment := range segments {
		switch segment {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, segment)
		}
	}
	if last := segments[len(segments)-1]; len(out) > 0 && (last == "" || last == "." || last == "..") {
		out = append(out, "")
	}
	return "/" + strings.Join(out, "/")
}

// pathForms generates targets that some server takes for /private/keys, or might: encodings of
// dots, dot segments, parameters, upper and lower case of escapes, kinds of slashes, places.
func pathForms() []string {
	dots := []string{".", "%2e", "%2E", "%252e", "%252E", "%25252e", "%%32%65", "%2%65", "%c0%ae", "%C0%AE", "%e0%80%ae", "%f0%80%80%ae", "%25c0%25ae", "%u002e"}
	parameters := []string{"", ";", ";a=b", "%3b", "%3Ba=b", "%253b", ";a=%2e%2e;b"}
	slashes := []string{"/", "//", "%2f", "%2F", "%252f", `\`, "%5c", "%255C", "%c0%af", "%25c0%25af", "%c1%9c"}
	var out []string
	for _, dot := range dots {
		for _, parameter := range parameters {
			for _, segment := range []string{dot + dot + parameter, "." + dot + parameter, dot + "." + parameter} {
				out = append(out,
					"/public/"+segment+"/private/keys",
					"/"+segment+"/private/keys",
					"/public/x/"+segment+"/"+segment+"/private/keys",
					"/private/x/"+segment+"/keys",
					"/public/"+segment+"/private/keys/"+dot+parameter,
				)
			}
			out = append(out, "/"+dot+parameter+"/private/keys", "/private/"+dot+parameter+"/keys")
		}
		for _, slash := range slashes {
			out = append(out, "/public"+slash+dot+dot+slash+"private/keys", "/public/"+dot+dot+slash+"private/keys", "/public/"+dot+dot+";"+slash+"private/keys")
		}
	}
	for _, slash := range slashes {
		out = append(out, slash+"private/keys", "/"+slash+"private"+slash+"keys", "/private"+slash+"keys")
	}
	for _, parameter := range parameters {
		out = append(out, "/"+parameter+"/private/keys", "/private/"+parameter+"/keys",
			"/private/keys"+parameter, "/private"+parameter+"/keys", "/private"+parameter+"/keys"+parameter, "/public"+parameter+"/../private/keys"+parameter)
	}
	for _, letter := range []string{"%70", "%2570", "%252570", "%%37%30", "%7%30", "%u0070"} {
		out = append(out, "/"+letter+"rivate/keys")
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return !strings.HasPrefix(s, "/") })
}

// pathRule is a policy that keeps a path shut.
type pathRule struct {
	policy string
	// shut reports the paths that it is about.
	shut func(path string) bool
}

func pathRules(t *testing.T) map[string]pathRule {
	below := func(path string) bool { return strings.HasPrefix(path, "/private") }
	exactly := func(path string) bool { return path == "/private/keys" }
	return map[string]pathRule{
		"DENY by prefix":  {ruled("DENY", "[{to: [{operation: {paths: [/private*]}}]}]"), below},
		"DENY":            {ruled("DENY", "[{to: [{operation: {paths: [/private/keys]}}]}]"), exactly},
		"DENY by suffix":  {ruled("DENY", `[{to: [{operation: {paths: ["*/keys"]}}]}]`), exactly},
		"DENY a template": {ruled("DENY", `[{to: [{operation: {paths: ["/private/{*}"]}}]}]`), exactly},
		"ALLOW all but":   {ruled("ALLOW", "[{to: [{operation: {notPaths: [/private/keys]}}]}]"), exactly},
		"AUTH_IF_MATCHED": {tutorial(t, "AUTH_IF_MATCHED", "/private/keys"), exactly},
	}
}

// TestNoFormOfAPathIsUnseen sends every generated form of a path that a rule keeps shut. Whatever
// comes to a backend must mean another path to all three models.
func TestNoFormOfAPathIsUnseen(t *testing.T) {
	forms := pathForms()
	if len(forms) < 300 {
		t.Fatalf("%d forms, want 300", len(forms))
	}
	for name, rule := range pathRules(t) {
		t.Run(name, func(t *testing.T) {
			_, address := meshGateway(t, "{}\n", rule.policy)
			unseen, passed := unseenForms(t, address, rule)
			for model, found := range unseen {
				t.Errorf("a backend that %s is reached unseen by %d forms, such as %s", model, len(found), found[0])
			}
			t.Logf("%d forms, %d reached the backend", len(forms), passed)
		})
	}
}

// TestIstiosModesLetFormsOfAPathBy holds that many forms do get by a rule where the mesh
// configuration chooses a mode: the models, and the forms, can find something.
func TestIstiosModesLetFormsOfAPathBy(t *testing.T) {
	rule := pathRules(t)["DENY"]
	for _, mode := range []string{"BASE", "DECODE_AND_MERGE_SLASHES"} {
		t.Run(mode, func(t *testing.T) {
			_, address := meshGateway(t, "pathNormalization: {normalization: "+mode+"}\n", rule.policy)
			unseen, passed := unseenForms(t, address, rule)
			for model := range pathBackends() {
				if len(unseen[model]) < 50 {
					t.Errorf("%s: %d forms get by the rule, want some: the table shows nothing", model, len(unseen[model]))
				}
				t.Logf("%s: %d of %d", model, len(unseen[model]), passed)
			}
		})
	}
}

// unseenForms returns the forms, and as what they come to a backend, that reach what a rule keeps
// shut, by model, and how many reach the backend at all.
func unseenForms(t *testing.T, address string, rule pathRule) (unseen map[string][]string, passed int) {
	t.Helper()
	unseen = map[string][]string{}
	for _, form := range pathForms() {
		status, target := raw(t, address, "", form)
		if status != 200 {
			continue
		}
		passed++
		for model, means := range pathBackends() {
			if rule.shut(means(target)) {
				unseen[model] = append(unseen[model], form+" as "+target)
			}
		}
	}
	return unseen, passed
}
