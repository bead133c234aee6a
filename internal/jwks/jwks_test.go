package jwks_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate/model"
)

// TestRotation holds that what an issuer publishes is in use after the next refresh: both
// keys while they overlap, and no key that it has removed.
func TestRotation(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", body(set(keyA)))
	f := run(t, often())
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})
	i.serve("/keys", body(set(keyB, keyA)))
	f.await(t, model.Keys{source: set(keyA, keyB)})
	i.serve("/keys", body(set(keyB)))
	f.await(t, model.Keys{source: set(keyB)})
	if line := f.log.await(t, "keys changed"); !strings.Contains(line, `kids="[a b]"`) {
		t.Errorf("the log does not name the keys: %s", line)
	}
	if got := f.only(t); got.State != jwks.Fetched || got.Keys != 1 || !cmp.Equal(got.KeyIDs, []string{"b"}) || got.Error != "" {
		t.Errorf("status %+v", got)
	}
}

// TestBadAnswersReplaceNothing holds that the last good keys stay whatever the issuer
// answers, that the status says what is wrong, and that nobody has to do anything afterwards.
func TestBadAnswersReplaceNothing(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"HTML":                  {body("<html>sorry</html>"), "it is not JSON"},
		"500":                   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "500 Internal Server Error"},
		"304 that nobody asked": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, "304 Not Modified"},
		"no answer":             {hang, "no whole answer within 100ms"},
		"half an answer, then none": {func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(set(keyB)))
			w.(http.Flusher).Flush()
			hang(w, r)
		}, "no whole answer within 100ms"},
		"dropped connection":         {gone, "EOF"},
		"redirect to metadata":       {redirect("http://169.254.169.254/"), "169.254.169.254 is refused"},
		"redirect to a blocked CIDR": {redirect("http://192.0.2.1/"), "192.0.2.1 is refused"},
		"redirect to a file":         {redirect("file:///etc/passwd"), "not an http or https address"},
		"redirect loop":              {redirect("/keys"), "more than 5 redirects"},
		"2 MiB":                      {body(set(keyB) + strings.Repeat(" ", 2<<20)), "larger than 1 MiB"},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(set(keyB)))
			panic(http.ErrAbortHandler)
		}, "EOF"},
		"half of the JSON": {body(set(keyB)[:40]), "ends too early"},
		"no keys":          {body(set()), "it has no key"},
		"secret keys":      {body(set(`{"kty":"oct","k":"c2VjcmV0"}`)), "symmetric"},
		"broken keys":      {body(set(`{"kty":"RSA","n":"!"}`)), "base64url"},
		"another document": {body(`{"issuer":"x"}`), `it has no "keys"`},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, plain)
			source := uri(i.URL + "/keys")
			i.serve("/keys", body(set(keyA)))
			o := often()
			o.Timeout = 100 * time.Millisecond
			o.BlockCIDRs = prefixes("192.0.2.0/24")
			f := run(t, o)
			f.Want(requests(source))
			f.await(t, model.Keys{source: set(keyA)})
			i.serve("/keys", tc.answer)
			if line := f.log.await(t, "keys cannot be fetched"); !strings.Contains(line, "last good keys") {
				t.Errorf("log: %s", line)
			}
			got := f.only(t)
			if got.State != jwks.Stale || !strings.Contains(got.Error, tc.want) || got.FailedSince.IsZero() || got.Keys != 1 {
				t.Errorf("status %+v, want %q", got, tc.want)
			}
			if diff := cmp.Diff(model.Keys{source: set(keyA)}, f.Keys()); diff != "" {
				t.Errorf("the last good keys are lost (-want +got):\n%s", diff)
			}
			i.serve("/keys", body(set(keyA)))
			f.log.await(t, "fetched again")
			if got := f.only(t); got.State != jwks.Fetched || got.Error != "" || !got.FailedSince.IsZero() {
				t.Errorf("status afterwards %+v", got)
			}
		})
	}
}

// TestRedirectsAreFollowed holds that five are, within what is allowed.
func TestRedirectsAreFollowed(t *testing.T) {
	i := newIssuer(t, plain)
	for n := range 5 {
		i.serve("/"+strconv.Itoa(n), http.RedirectHandler("/"+strconv.Itoa(n+1), http.StatusFound).ServeHTTP)
	}
	i.serve("/5", func(w http.ResponseWriter, r *http.Request) {
		if r.Referer() != "" {
			t.Errorf("the redirect hands on %q", r.Referer())
		}
		w.Write([]byte(set(keyA)))
	})
	f := run(t, seldom())
	source := uri(i.URL + "/0?secret=1")
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})
}

// TestOneBrokenKey holds that a broken or secret key takes no good one along.
func TestOneBrokenKey(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", body(set(`{"kty":"RSA","n":"!","e":"AQAB","kid":"broken"}`, keyA, `{"kty":"oct","k":"c2VjcmV0"}`)))
	f := run(t, seldom())
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})
	got := f.only(t)
	if len(got.Dropped) != 2 || !strings.Contains(got.Dropped[0], "broken") || !strings.Contains(got.Dropped[1], "symmetric") {
		t.Errorf("dropped %q", got.Dropped)
	}
	f.log.await(t, "unused=")
}

// TestStartWhileDown holds that there are no keys while the issuer was never up, and that
// they are there as soon as it is.
func TestStartWhileDown(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", gone)
	f := run(t, often())
	f.Want(requests(source))
	if got := f.only(t); got.State != jwks.Pending && got.State != jwks.Failed {
		t.Errorf("state %s", got.State)
	}
	f.log.await(t, "every token of this issuer is refused")
	i.await(t, "/keys", 3)
	if got := f.only(t); got.State != jwks.Failed || len(f.Keys()) != 0 || got.NextTry.IsZero() {
		t.Errorf("status %+v, keys %v", got, f.Keys())
	}
	i.serve("/keys", body(set(keyA)))
	f.await(t, model.Keys{source: set(keyA)})
	if n := strings.Count(f.log.String(), "cannot be fetched"); n != 1 {
		t.Errorf("%d lines of one failure:\n%s", n, f.log)
	}
}

// TestRestartWhileDown holds that keys survive a restart, and that what is broken on disk
// is ignored.
func TestRestartWhileDown(t *testing.T) {
	i := newIssuer(t, plain)
	a, b := uri(i.URL+"/a"), uri(i.URL+"/b")
	i.serve("/a", body(set(keyA)))
	i.serve("/b", body(set(keyB)))
	o := often()
	o.StateDir = filepath.Join(t.TempDir(), "state")
	f := run(t, o)
	f.Want(requests(a, b))
	f.await(t, model.Keys{a: set(keyA), b: set(keyB)})
	f.stop()
	i.Close()

	breakOne(t, o.StateDir, "/b")
	f = run(t, o)
	f.log.await(t, "kept keys are ignored")
	if len(f.Keys()) != 0 {
		t.Errorf("keys that nobody wants: %v", f.Keys())
	}
	f.Want(requests(a, b))
	if diff := cmp.Diff(model.Keys{a: set(keyA)}, f.Keys()); diff != "" {
		t.Errorf("keys after the restart (-want +got):\n%s", diff)
	}
	f.log.await(t, "last good keys stay")
	if got := f.Status(); got[0].State != jwks.Stale || !strings.Contains(got[0].Error, "refused") {
		t.Errorf("status %+v", got[0])
	}
}

// TestRunBeforeWant holds that kept keys stay until it is known what policies name.
func TestRunBeforeWant(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", body(set(keyA)))
	o := seldom()
	o.StateDir = t.TempDir()
	f := run(t, o)
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})
	f.stop()

	i.serve("/keys", gone)
	looked := make(chan bool, 10000)
	o.Now = func() time.Time {
		looked <- true
		return time.Now()
	}
	f = run(t, o)
	select {
	case <-looked: // the scheduler is at work, and what follows comes after its first round
	case <-time.After(bound):
		t.Fatal("the scheduler does not look at the clock")
	}
	f.Want(requests(source))
	if diff := cmp.Diff(model.Keys{source: set(keyA)}, f.Keys()); diff != "" {
		t.Errorf("kept keys (-want +got):\n%s", diff)
	}
	if got := f.Awaited(); len(got) != 0 {
		t.Errorf("a source with the keys of the run before is awaited: %v", got)
	}
	f.log.await(t, "last good keys stay")
	f.stop()
	if files, err := filepath.Glob(filepath.Join(o.StateDir, "jwks", "*.json")); err != nil || len(files) != 1 {
		t.Errorf("kept files %v: %v", files, err)
	}
}

// TestTheStateIsWrittenAgain holds that a disk that was full for a while loses no keys.
func TestTheStateIsWrittenAgain(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", body(set(keyA)))
	o := jwks.Options{StateDir: t.TempDir(), FirstBackoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond}
	f := run(t, o)
	folder := filepath.Join(o.StateDir, "jwks")
	must(t, os.RemoveAll(folder))
	must(t, os.WriteFile(folder, nil, 0o600))
	f.Want(requests(source))
	f.log.await(t, "keys cannot be kept on disk")
	must(t, os.Remove(folder))
	must(t, os.Mkdir(folder, 0o700))
	f.log.await(t, "keys are kept on disk again")
	if n := i.drain("/keys"); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	if files, err := filepath.Glob(filepath.Join(folder, "*.json")); err != nil || len(files) != 1 {
		t.Errorf("kept files %v: %v", files, err)
	}
}

// TestTheLargestAnswer holds that 1 MiB is read and not a byte more.
func TestTheLargestAnswer(t *testing.T) {
	i := newIssuer(t, plain)
	fits, exceeds := uri(i.URL+"/fits"), uri(i.URL+"/exceeds")
	i.serve("/fits", body(set(keyA)+strings.Repeat(" ", 1<<20-len(set(keyA)))))
	i.serve("/exceeds", body(set(keyA)+strings.Repeat(" ", 1<<20-len(set(keyA))+1)))
	f := run(t, seldom())
	f.Want(requests(fits, exceeds))
	f.await(t, model.Keys{fits: set(keyA)})
	f.log.await(t, "larger than 1 MiB")
}

// TestAnotherReasonIsLogged holds that the log says what is wrong now, and when it is tried again.
func TestAnotherReasonIsLogged(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/keys", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	f := run(t, often())
	f.Want(requests(uri(i.URL + "/keys")))
	for _, line := range []string{f.log.await(t, "500"), func() string {
		i.serve("/keys", body("<html>"))
		return f.log.await(t, "for another reason")
	}()} {
		if !strings.Contains(line, "nextTry=2") {
			t.Errorf("the log does not say when it is tried again: %s", line)
		}
	}
	i.await(t, "/keys", 5)
	if n := strings.Count(f.log.String(), "cannot be fetched"); n != 2 {
		t.Errorf("%d lines of two reasons:\n%s", n, f.log)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// breakOne spoils the kept keys of the sources whose address ends so, and checks that only
// their owner may read any.
func breakOne(t *testing.T, stateDir, suffix string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(stateDir, "jwks", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("kept files %v: %v", files, err)
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), suffix+`"`) {
			if err := os.WriteFile(path, text[:len(text)/2], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestConditionalRequests holds that unchanged keys are not sent again, and count as fetched.
func TestConditionalRequests(t *testing.T) {
	for name, tc := range map[string]struct{ answer, ask, value string }{
		"ETag":          {"ETag", "If-None-Match", `"v1"`},
		"Last-Modified": {"Last-Modified", "If-Modified-Since", "Tue, 03 Nov 2026 10:00:00 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, plain)
			source := uri(i.URL + "/keys")
			unchanged := make(chan bool, 10000)
			i.serve("/keys", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get(tc.ask) == tc.value {
					w.WriteHeader(http.StatusNotModified)
					unchanged <- true
					return
				}
				w.Header().Set(tc.answer, tc.value)
				w.Write([]byte(set(keyA)))
			})
			f := run(t, often())
			f.Want(requests(source))
			f.await(t, model.Keys{source: set(keyA)})
			first := f.only(t).FetchedAt
			for range 3 {
				select {
				case <-unchanged:
				case <-time.After(bound):
					t.Fatal("no conditional request")
				}
			}
			if got := f.only(t); got.State != jwks.Fetched || !got.FetchedAt.After(first) {
				t.Errorf("status %+v, first fetched at %v", got, first)
			}
		})
	}
}

// TestBrokenAnswerIsNotRemembered holds that the validators of an answer that is no use are
// not sent: a 304 must not confirm what was never read.
func TestBrokenAnswerIsNotRemembered(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	i.serve("/keys", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			t.Errorf("asked with the validators of a broken answer")
		}
		w.Header().Set("ETag", `"broken"`)
		w.Write([]byte("<html>"))
	})
	f := run(t, often())
	f.Want(requests(source))
	i.await(t, "/keys", 3)
	if len(f.Keys()) != 0 {
		t.Errorf("keys %v", f.Keys())
	}
}
