package explain

import (
	"strings"
	"testing"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// refusedPath stands for a path that is answered with 400.
const refusedPath = "refused"

// TestPathsAreBroughtIntoEnvoysForm holds what Envoy 1.40 made of these paths: with escaped slashes taken for slashes
// and slashes merged, with dots resolved alone, with slashes merged too, and with nothing of it.
func TestPathsAreBroughtIntoEnvoysForm(t *testing.T) {
	forms := []pathForm{
		{normalizes: true, mergesSlashes: true, escaped: hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD},
		{normalizes: true}, {normalizes: true, mergesSlashes: true}, {},
	}
	for path, want := range map[string][4]string{
		"/a/../b":             {"/b", "/b", "/b", "/a/../b"},
		"/..":                 {"/", "/", "/", "/.."},
		"/a/..":               {"/", "/", "/", "/a/.."},
		"/a/./b/.":            {"/a/b/", "/a/b/", "/a/b/", "/a/./b/."},
		"/a/..x/b":            {"/a/..x/b", "/a/..x/b", "/a/..x/b", "/a/..x/b"},
		"/a/%2e%2E/b":         {"/b", "/b", "/b", "/a/%2e%2E/b"},
		"/a//../b":            {"/a/b", "/a/b", "/a/b", "/a//../b"},
		"//a///b/":            {"/a/b/", "//a///b/", "/a/b/", "//a///b/"},
		"//":                  {"//", "//", "//", "//"},
		"/a%2fb":              {"/a/b", "/a%2fb", "/a%2fb", "/a%2fb"},
		"/a%2f..%2fb":         {"/b", "/a%2f..%2fb", "/a%2f..%2fb", "/a%2f..%2fb"},
		`/a%5c..\b`:           {"/b", "/a%5c../b", "/a%5c../b", `/a%5c..\b`},
		"/a/..;/b":            {"/b", "/b", "/b", "/a/..;/b"},
		"/a/.;x=1/b":          {"/a/b", "/a/b", "/a/b", "/a/.;x=1/b"},
		"/a/%2e%2e;/b":        {"/a/..;/b", "/a/..;/b", "/a/..;/b", "/a/%2e%2e;/b"},
		`/a/..;\b`:            {"/", "/", "/", `/a/..;\b`},
		`/a\..;/b`:            {"/a/..;/b", "/a/..;/b", "/a/..;/b", `/a\..;/b`},
		"/a/..;x?q=/../..;/c": {"/?q=/../..;/c", "/?q=/../..;/c", "/?q=/../..;/c", "/a/..;x?q=/../..;/c"},
		"/a;x/b":              {"/a;x/b", "/a;x/b", "/a;x/b", "/a;x/b"},
		"/%41%7e%2D":          {"/A~-", "/A~-", "/A~-", "/%41%7e%2D"},
		"/%2%66":              {"/%252f", "/%252f", "/%252f", "/%2%66"},
		"/%%32f":              {"/%252f", "/%252f", "/%252f", "/%%32f"},
		"/%252f":              {"/%252f", "/%252f", "/%252f", "/%252f"},
		"/%zz%":               {"/%zz%", "/%zz%", "/%zz%", "/%zz%"},
		"/%c0%ae":             {"/%c0%ae", "/%c0%ae", "/%c0%ae", "/%c0%ae"},
		"/\"<>^`{|}":          {"/%22%3C%3E%5E%60%7B%7C%7D", "/%22%3C%3E%5E%60%7B%7C%7D", "/%22%3C%3E%5E%60%7B%7C%7D", "/\"<>^`{|}"},
		"/a%00b":              {refusedPath, refusedPath, refusedPath, "/a%00b"},
		"/a#b":                {refusedPath, refusedPath, refusedPath, refusedPath},
		"/a?x#b":              {refusedPath, refusedPath, refusedPath, refusedPath},
		"/a?x=%2f../\\":       {"/a?x=%2f../\\", "/a?x=%2f../\\", "/a?x=%2f../\\", "/a?x=%2f../\\"},
	} {
		for i, form := range forms {
			got, fate := form.of(path)
			if fate == refused {
				got = refusedPath
			}
			if got != want[i] {
				t.Errorf("form %d of %q: %q, want %q", i, path, got, want[i])
			}
		}
	}
}

// TestEscapedSlashesAreRefusedOrRedirected holds the forms that no mesh configuration asks for today.
func TestEscapedSlashesAreRefusedOrRedirected(t *testing.T) {
	for action, want := range map[hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction]fate{
		hcmv3.HttpConnectionManager_KEEP_UNCHANGED:        kept,
		hcmv3.HttpConnectionManager_REJECT_REQUEST:        refused,
		hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT: redirected,
		hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD:  kept,
	} {
		if _, got := (pathForm{escaped: action}).of("/a%2Fb"); got != want {
			t.Errorf("%s: %d, want %d", action, got, want)
		}
		if _, got := (pathForm{escaped: action}).of("/a/b"); got != kept {
			t.Errorf("%s without any: %d, want %d", action, got, kept)
		}
	}
}

// FuzzResolve holds that no dot segment is left, however it was written.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"/a/../b", "/%2e%2e/", "/%2%66", `/a\..\`, "/%", "//..", "/a/..;x/", "%%32e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, _ := resolve("/" + path)
		for _, segment := range strings.Split(got, "/") {
			switch strings.ToLower(strings.ReplaceAll(segment, "%2E", "%2e")) {
			case ".", "..", "%2e", "%2e%2e", ".%2e", "%2e.":
				t.Errorf("%q becomes %q", path, got)
			}
		}
	})
}
