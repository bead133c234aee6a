package jwks_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate/model"
)

// TestOneAddressIsFetchedOnce holds that an issuer whose discovery leads to the address of
// another source costs no second request.
func TestOneAddressIsFetchedOnce(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/keys", body(set(keyA)))
	i.serve("/.well-known/openid-configuration", body(discovery(i.URL, i.URL+"/keys")))
	sources := []model.KeySource{uri(i.URL + "/keys"), {Issuer: i.URL}, {Issuer: i.URL + "/"}}
	f := run(t, seldom())
	f.Want(requests(sources...))
	f.await(t, model.Keys{sources[0]: set(keyA), sources[1]: set(keyA), sources[2]: set(keyA)})
	if n := i.drain("/keys"); n != 1 {
		t.Errorf("%d requests for one address", n)
	}
	got := f.Status()
	if got[0].Issuer != i.URL || got[0].ResolvedURI != i.URL+"/keys" || !got[0].NextTry.Equal(got[2].NextTry) {
		t.Errorf("status %+v", got)
	}
}

// TestDiscovery holds what a discovery document must be, and that the keys follow it.
func TestDiscovery(t *testing.T) {
	for name, tc := range map[string]struct{ document, want string }{
		"another issuer":   {`{"issuer":"https://other.example","jwks_uri":"KEYS"}`, "it is of the issuer https://other.example"},
		"issuer no text":   {`{"issuer":1,"jwks_uri":"KEYS"}`, "it is of the issuer"},
		"HTML":             {`<html>`, "it is not a JSON object"},
		"no address":       {`{}`, `it has no "jwks_uri"`},
		"address no text":  {`{"jwks_uri":["KEYS"]}`, `it has no "jwks_uri"`},
		"address no URL":   {`{"jwks_uri":"::"}`, "not an address"},
		"address of files": {`{"jwks_uri":"file:///etc/passwd"}`, "not an http or https address"},
		"metadata address": {`{"jwks_uri":"http://[fd00:ec2::254]/"}`, "is refused"},
		"issuer unsaid":    {`{"jwks_uri":"KEYS"}`, ""},
		"issuer with /":    {`{"issuer":"ISSUER/","jwks_uri":"KEYS"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, plain)
			i.serve("/keys", body(set(keyA)))
			document := strings.NewReplacer("ISSUER", i.URL, "KEYS", i.URL+"/keys").Replace(tc.document)
			i.serve("/.well-known/openid-configuration", body(document))
			f := run(t, seldom())
			source := model.KeySource{Issuer: i.URL}
			f.Want(requests(source))
			if tc.want == "" {
				f.await(t, model.Keys{source: set(keyA)})
				return
			}
			f.log.await(t, "cannot be fetched")
			if got := f.only(t); got.State != jwks.Failed || !strings.Contains(got.Error, tc.want) {
				t.Errorf("status %+v, want %q", got, tc.want)
			}
		})
	}
}

// TestTheIssuerOfTheDocument holds that a rule which spells its issuer otherwise than the issuer's
// own document is told so, with the spelling that tokens have: in the log, where keys are fetched
// all the same, in the status, and until the two are the same. The metric is in TestMetrics.
func TestTheIssuerOfTheDocument(t *testing.T) {
	for name, c := range map[string]struct{ rule, document, want string }{
		"8: a slash too few":  {"", "/", "/"},
		"8: a slash too many": {"/", "", ""},
		"8: the same":         {"", "", "-"},
		"8: both with slash":  {"/", "/", "-"},
		"8: unsaid":           {"/", "unsaid", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, plain)
			i.serve("/keys", body(set(keyA)))
			document := discovery(i.URL+c.document, i.URL+"/keys")
			if c.document == "unsaid" {
				document = `{"jwks_uri":"` + i.URL + `/keys"}`
			}
			i.serve("/.well-known/openid-configuration", body(document))
			f := run(t, often())
			source := model.KeySource{Issuer: i.URL + c.rule}
			f.Want(requests(source))
			f.await(t, model.Keys{source: set(keyA)})
			log := f.log.await(t, "keys fetched")
			want := i.URL + c.want
			if c.want == "-" {
				want = ""
			}
			if got := f.only(t).PublishedIssuer; got != want {
				t.Errorf("the status says %q, want %q", got, want)
			}
			if said := strings.Contains(log, "the rule spells the issuer otherwise"); said != (want != "") || !strings.Contains(log, want) {
				t.Errorf("the log says: %s", log)
			}
			if want == "" {
				return
			}
			i.serve("/.well-known/openid-configuration", body(discovery(i.URL+c.rule, i.URL+"/keys")))
			f.log.await(t, "the spelling of the issuer changed")
			if got := f.only(t).PublishedIssuer; got != "" {
				t.Errorf("the status still says %q", got)
			}
		})
	}
}

// TestDiscoveryIsFollowed holds that an issuer may move its keys.
func TestDiscoveryIsFollowed(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/a", body(set(keyA)))
	i.serve("/b", body(set(keyB)))
	i.serve("/.well-known/openid-configuration", body(discovery(i.URL, i.URL+"/a")))
	source := model.KeySource{Issuer: i.URL + "/"}
	f := run(t, often())
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})
	i.serve("/.well-known/openid-configuration", body(discovery(i.URL, i.URL+"/b")))
	f.await(t, model.Keys{source: set(keyB)})
}

// TestReturningSource holds that keys are at hand at once when a policy names their source
// again, and forgotten after seven days.
func TestReturningSource(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", body(set(keyA)))
	var later atomic.Int64
	o := seldom()
	o.StateDir = t.TempDir()
	o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	f := run(t, o)
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})
	i.serve("/keys", gone)
	f.Want(nil)
	f.await(t, model.Keys{})
	if got := f.Status(); len(got) != 0 {
		t.Errorf("status of what nobody wants: %+v", got)
	}

	later.Store(int64(6 * 24 * time.Hour))
	f.Want(requests(source))
	if diff := cmp.Diff(model.Keys{source: set(keyA)}, f.Keys()); diff != "" {
		t.Errorf("keys of a source that returns (-want +got):\n%s", diff)
	}
	f.log.await(t, "last good keys stay")
	f.Want(nil)
	f.stop()

	later.Store(int64(13*24*time.Hour - time.Minute))
	f = run(t, o)
	f.Want(nil)
	f.Want(requests(source))
	if len(f.Keys()) != 1 {
		t.Error("the keys did not survive almost seven days and a restart")
	}
	f.Want(nil)
	later.Store(int64(20*24*time.Hour + time.Minute))
	f.Want(nil)
	f.Want(requests(source))
	if len(f.Keys()) != 0 {
		t.Error("the keys survived more than seven days that nobody wanted them")
	}
}

// TestHangingIssuersDelayNobody holds that each source is fetched by itself, also one that
// is named while others hang.
func TestHangingIssuersDelayNobody(t *testing.T) {
	i := newIssuer(t, plain)
	var sources []model.KeySource
	for n := range 30 {
		path := "/hang" + strconv.Itoa(n)
		i.serve(path, hang)
		sources = append(sources, uri(i.URL+path))
	}
	o := seldom()
	o.Timeout = time.Hour
	f := run(t, o)
	f.Want(requests(sources...))
	i.await(t, "/hang7", 1)
	good := uri(i.URL + "/keys")
	i.serve("/keys", body(set(keyA)))
	f.Want(requests(append(sources, good)...))
	f.await(t, model.Keys{good: set(keyA)})

	// Another timeout gives the hanging fetch up and begins anew.
	i.drain("/hang7")
	i.serve("/hang7", body(set(keyB)))
	changed := requests(append(sources, good)...)
	changed[7].Timeout = time.Minute
	f.Want(changed)
	f.await(t, model.Keys{good: set(keyA), sources[7]: set(keyB)})
	if n := i.drain("/keys"); n != 0 {
		t.Errorf("%d requests for a source that did not change", n)
	}
}

// TestTimeoutOfThePolicy holds that a policy's own timeout counts.
func TestTimeoutOfThePolicy(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/keys", hang)
	f := run(t, seldom())
	f.Want([]model.KeyRequest{{KeySource: uri(i.URL + "/keys"), Timeout: 30 * time.Millisecond}})
	f.log.await(t, "no whole answer within 30ms")
}

// TestNamedAgainIsTriedAtOnce holds that a policy that changes need not wait for the end of
// a backoff.
func TestNamedAgainIsTriedAtOnce(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", gone)
	f := run(t, seldom())
	f.Want(requests(source))
	f.log.await(t, "cannot be fetched")
	i.serve("/keys", body(set(keyA)))
	i.drain("/keys")
	f.Want(requests(source))
	f.Want([]model.KeyRequest{{KeySource: source, Timeout: time.Second}})
	f.await(t, model.Keys{source: set(keyA)})
	if n := i.drain("/keys"); n != 1 {
		t.Errorf("%d requests, want one: an unchanged policy waits", n)
	}
	f.Want(nil)
	i.serve("/keys", body(set(keyB)))
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyB)})
}

// TestAChangedRuleFetchesAtOnce holds that an edit of a rule that names the source ends a
// backoff, that it ends no other's, and that nothing waits for a source that was tried.
func TestAChangedRuleFetchesAtOnce(t *testing.T) {
	i := newIssuer(t, plain)
	source, other := uri(i.URL+"/keys"), uri(i.URL+"/other")
	i.serve("/keys", gone)
	i.serve("/other", gone)
	f := run(t, seldom())
	edited := func(revision string) []model.KeyRequest {
		return []model.KeyRequest{{KeySource: source, Revision: revision}, {KeySource: other, Revision: "always"}}
	}
	f.Want(edited("1"))
	f.log.await(t, "cannot be fetched")
	f.log.await(t, "cannot be fetched")
	i.drain("/keys")
	i.serve("/keys", body(set(keyA)))
	f.Want(edited("1"))
	f.Want(edited("2"))
	if got := f.Awaited(); len(got) != 0 {
		t.Errorf("awaited: %v", got)
	}
	f.await(t, model.Keys{source: set(keyA)})
	if n := i.drain("/other"); n != 0 {
		t.Errorf("%d requests for the source whose rules are the same", n)
	}
	f.Want(edited("2"))
	i.serve("/keys", body(set(keyB)))
	f.Want(edited("3"))
	f.await(t, model.Keys{source: set(keyB)})
}

// TestANewSourceIsAwaited holds until its first attempt ends, well or not, and also where it
// returns: its keys may have been rotated meanwhile.
func TestANewSourceIsAwaited(t *testing.T) {
	i := newIssuer(t, plain)
	good, bad, silent := uri(i.URL+"/keys"), uri(i.URL+"/bad"), uri(i.URL+"/silent?secret")
	answer := make(chan bool)
	slow := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-answer:
		case <-r.Context().Done():
		}
		body(set(keyA))(w, r)
	}
	i.serve("/keys", slow)
	i.serve("/silent", hang)
	f := run(t, seldom())
	// waits waits until those sources are awaited.
	waits := func(sources ...model.KeySource) {
		t.Helper()
		deadline := time.After(bound)
		for {
			select {
			case <-f.Changes():
				got := slices.Collect(maps.Keys(f.Awaited()))
				slices.SortFunc(got, func(a, b model.KeySource) int { return strings.Compare(a.URI, b.URI) })
				if slices.Equal(got, sources) {
					return
				}
			case <-deadline:
				t.Fatalf("awaited %v, want %v", f.Awaited(), sources)
			}
		}
	}
	f.Want(append(requests(good, bad), model.KeyRequest{KeySource: silent, Timeout: 500 * time.Millisecond}))
	waits(good, silent)
	if name := f.Awaited()[silent]; strings.Contains(name, "secret") {
		t.Errorf("shown as %s", name)
	}
	answers := func() {
		t.Helper()
		select {
		case answer <- true:
		case <-time.After(bound):
			t.Fatal("nobody asks")
		}
	}
	answers()
	waits(silent)
	if f.Keys()[good] != set(keyA) {
		t.Error("not awaited, and without keys")
	}
	waits()
	if got := f.Status()[2]; got.State != jwks.Failed || !strings.Contains(got.Error, "no whole answer") {
		t.Errorf("status %+v", got)
	}
	f.Want(requests(bad))
	f.Want(requests(good, bad))
	if len(f.Keys()) != 1 || len(f.Awaited()) != 1 {
		t.Errorf("a source that returns: keys %v, awaited %v; want both", f.Keys(), f.Awaited())
	}
	answers()
	waits()
	// Once more, and it is not named any more before its attempt ends.
	f.Want(requests(bad))
	f.Want(requests(good, bad))
	waits(good)
	f.Want(requests(bad))
	if got := f.Awaited(); len(got) != 0 {
		t.Errorf("a source that is not named any more is awaited: %v", got)
	}
}

// TestNobodyWaitsLongerThanItsOwnTimeout holds for a source at whose address another one
// hangs that may.
func TestNobodyWaitsLongerThanItsOwnTimeout(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/keys", hang)
	i.serve("/.well-known/openid-configuration", body(discovery(i.URL, i.URL+"/keys")))
	patient := model.KeyRequest{KeySource: uri(i.URL + "/keys"), Timeout: time.Hour}
	f := run(t, seldom())
	f.Want([]model.KeyRequest{patient})
	i.await(t, "/keys", 1)
	f.Want([]model.KeyRequest{patient, {KeySource: model.KeySource{Issuer: i.URL}, Timeout: 300 * time.Millisecond}})
	if line := f.log.await(t, "cannot be fetched"); !strings.Contains(line, "300ms to another fetch of the same address") {
		t.Error(line)
	}
}

// TestNoSecretsAreShown holds that neither the log nor the status shows user, password or query.
func TestNoSecretsAreShown(t *testing.T) {
	i := newIssuer(t, plain)
	good := strings.Replace(i.URL, "http://", "http://user:hunter2@", 1)
	i.serve("/keys", func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "hunter2" || r.URL.RawQuery != "key=hunter2" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Write([]byte(set(keyA)))
	})
	i.serve("/moved", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://user:hunter2@[?hunter2")
		w.WriteHeader(http.StatusFound)
	})
	i.serve("/moved-on", http.RedirectHandler("http://user:hunter2@127.0.0.1:1/?hunter2", http.StatusFound).ServeHTTP)
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Write([]byte(answer))
			conn.Close()
		}
	}
	i.serve("/raw", raw("hunter2 is no HTTP\r\n\r\n"))
	i.serve("/raw-header", raw("HTTP/1.1 200 OK\r\nSet-Cookie hunter2\r\n\r\n"))
	f := run(t, seldom())
	source := uri(good + "/keys?key=hunter2")
	f.Want(requests(source, uri(i.URL+"/moved"), uri(i.URL+"/moved-on"), uri(i.URL+"/raw"), uri(i.URL+"/raw-header"), uri(good+"/absent?key=hunter2"), uri("http://user:hunter2@127.0.0.1:1/?hunter2"), uri("http://user:hunter2@:x/"), model.KeySource{Issuer: good + "/?hunter2"}))
	f.await(t, model.Keys{source: set(keyA)})
	for range 8 {
		f.log.await(t, "cannot be fetched")
	}
	if text := f.log.String(); !strings.Contains(text, "redirected to what is not an address") || strings.Count(text, "the answer is not HTTP") != 2 {
		t.Errorf("the log does not say what is wrong:\n%s", text)
	}
	for _, s := range f.Status() {
		if text := strings.Join([]string{s.URI, s.Issuer, s.ResolvedURI, s.Error}, " "); strings.Contains(text, "hunter2") {
			t.Errorf("status shows the password: %s", text)
		}
	}
	if strings.Contains(f.log.String(), "hunter2") {
		t.Errorf("the log shows the password:\n%s", f.log)
	}
}
