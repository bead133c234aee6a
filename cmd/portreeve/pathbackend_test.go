package main

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

// resolved resolves dot segments; empty segments count for nothing.
func resolved(s string) string {
	var out []string
	for _, segment := range strings.Split(strings.ReplaceAll(s, `\`, "/"), "/") {
		switch segment {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, segment)
		}
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
		out = append(out, "/"+parameter+"/private/keys", "/private/"+parameter+"/keys")
	}
	for _, letter := range []string{"%70", "%2570", "%252570", "%%37%30", "%7%30", "%u0070"} {
		out = append(out, "/"+letter+"rivate/keys")
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return !strings.HasPrefix(s, "/") })
}

// TestNoFormOfAPathIsUnseen sends every generated form of a path that a rule denies. Whatever comes
// to a backend must mean another path to all three models. That many forms do get through where
// the rule about forms is switched off shows that the models, and the forms, can find something.
func TestNoFormOfAPathIsUnseen(t *testing.T) {
	policy := ruled("DENY", "[{to: [{operation: {paths: [/private*]}}]}]")
	forms := pathForms()
	if len(forms) < 300 {
		t.Fatalf("%d forms, want 300", len(forms))
	}
	for name, c := range map[string]struct {
		mesh   string
		unseen int
	}{
		"ours":                  {"{}\n", 0},
		"with the mode chosen":  {"pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}\n", 100},
		"with Istio's own mode": {"pathNormalization: {normalization: BASE}\n", 100},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := meshGateway(t, c.mesh, policy)
			unseen, passed := map[string]int{}, 0
			for _, form := range forms {
				status, target := raw(t, address, "", form)
				if status != 200 {
					continue
				}
				passed++
				for model, means := range pathBackends() {
					if !strings.HasPrefix(means(target), "/private") {
						continue
					}
					unseen[model]++
					if c.unseen == 0 {
						t.Errorf("%s reached as %s a backend that %s, which takes it for %s", form, target, model, means(target))
					}
				}
			}
			for model := range pathBackends() {
				if got := unseen[model]; got < c.unseen/2 {
					t.Errorf("%s: %d forms get by the rule, want some: the table shows nothing", model, got)
				}
			}
			t.Logf("%d forms, %d reached the backend, unseen by the rule: %v", len(forms), passed, unseen)
		})
	}
}
