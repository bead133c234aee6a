package admin

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// caller asks for a page and returns the status and the text.
type caller func(t *testing.T, path string) (int, string)

// overTLS is a caller with a token, or none, and a certificate, or none.
func (s *secured) overTLS(t *testing.T, token string, own ...tls.Certificate) caller {
	client := s.client(t, own...)
	return func(t *testing.T, path string) (int, string) {
		t.Helper()
		s.now.Add(120) // what others did wrong is forgotten
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.address+path, http.NoBody)
		must(t, err)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		must(t, err)
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		if challenged := response.Header.Get("WWW-Authenticate") != ""; challenged != (response.StatusCode == http.StatusUnauthorized) {
			t.Errorf("%s: status %d and a challenge: %v", path, response.StatusCode, challenged)
		}
		return response.StatusCode, string(text)
	}
}

// inPlainText is a caller of an interface without TLS, between two addresses.
func inPlainText(local, from, host string) caller {
	h := Handler(options())
	return func(t *testing.T, path string) (int, string) {
		at, err := net.ResolveTCPAddr("tcp", local)
		must(t, err)
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(at)), http.MethodGet, path, http.NoBody)
		r.RemoteAddr, r.Host = from, host
		r.Header.Set("Authorization", "Bearer anything.goes")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
}

// TestWhoMayHaveWhichPage is the table of roles: every page of the interface, and everybody who may call.
func TestWhoMayHaveWhichPage(t *testing.T) {
	s := newSecured(t, func(*Options) {})
	groups := func(groups ...string) func(map[string]any) {
		return func(c map[string]any) { c["groups"] = groups }
	}
	callers := []struct {
		name string
		ask  caller
		// details says whether /readyz tells what is wrong.
		details bool
	}{
		{"nobody", s.overTLS(t, ""), false},
		{"viewer", s.overTLS(t, s.viewer.String()), true},
		{"operator", s.overTLS(t, s.operator.String()), true},
		{"wrong token", s.overTLS(t, s.viewer.String()+"a"), false},
		{"no such token", s.overTLS(t, "nobody."+s.viewer.Secret), false},
		{"one's secret with the name of another", s.overTLS(t, "keeper."+s.viewer.Secret), false},
		{"expired OIDC token", s.overTLS(t, s.issuer.token(t, func(c map[string]any) { groups("watchers")(c); c["exp"] = time.Now().Add(-time.Hour).Unix() })), false},
		{"OIDC viewer", s.overTLS(t, s.issuer.token(t, groups("others", "watchers"))), true},
		{"OIDC of no role", s.overTLS(t, s.issuer.token(t, groups("others"))), false},
		{"certificate of a viewer", s.overTLS(t, "", s.certViewer), true},
		{"certificate of an operator", s.overTLS(t, "", s.certOperator), true},
		{"wrong token, certificate of an operator", s.overTLS(t, "keeper.wrong", s.certOperator), false},
		{"certificate without a role", s.overTLS(t, "", s.clients.issue(t, named("nobody"))), false},
		{"certificate of another authority", s.overTLS(t, "", newAuthority(t).issue(t, named("watcher.test"))), false},
		{"plain text from another machine", inPlainText("192.0.2.7:18001", "192.0.2.9:1", "192.0.2.7:18001"), false},
		{"plain text to another address", inPlainText("192.0.2.7:18001", "127.0.0.1:1", "localhost"), false},
		{"plain text from nowhere", inPlainText("127.0.0.1:18001", "", "localhost"), false},
		{"loopback", inPlainText("127.0.0.1:18001", "127.0.0.1:1", "localhost:18001"), true},
		{"loopback by a strange name", inPlainText("[::1]:18001", "[::1]:1", "evil.test"), false},
	}
	const (
		everybody = "200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200"
		scrapes   = "401 200 200 401 401 401 401 200 403 200 200 401 401 401 403 403 403 200 200"
		views     = "401 200 200 401 401 401 401 200 403 200 200 401 401 401 403 403 403 200 421"
		operates  = "401 403 200 401 401 401 401 403 403 403 200 401 401 401 403 403 403 200 421"
	)
	table := map[string]string{
		"/healthz": everybody, "/readyz": everybody, "/metrics": scrapes, "/debug/status": views, "/debug/config": views, "/debug/pprof/": operates,
		"/debug/pprof/cmdline": operates, "/debug/pprof/profile": operates, "/debug/pprof/symbol": operates, "/debug/pprof/trace": operates,
	}
	eventually(t, "the keys of the issuer are known", func() bool {
		status, _ := callers[7].ask(t, "/debug/status")
		return status == http.StatusOK
	})
	pages := newHandler(options()).pages()
	if len(pages) != len(table) {
		t.Errorf("there are %d pages, and %d in the table", len(pages), len(table))
	}
	for _, p := range pages {
		want := strings.Fields(table[p.path])
		if len(want) != len(callers) {
			t.Fatalf("%s: the table says who may have it of %d callers, there are %d", p.path, len(want), len(callers))
		}
		for i, c := range callers {
			t.Run(p.path+" "+c.name, func(t *testing.T) {
				path := p.path
				if strings.HasSuffix(path, "/profile") || strings.HasSuffix(path, "/trace") {
					path += "?seconds=1"
				}
				status, text := c.ask(t, path)
				if want[i] != strconv.Itoa(status) {
					t.Errorf("status %d, want %s: %.200q", status, want[i], text)
				}
				if p.path == "/readyz" && strings.Contains(text, "seen.yaml") != c.details {
					t.Errorf("it tells what is wrong: %v; want %v", !c.details, c.details)
				}
				if status == http.StatusForbidden && strings.HasPrefix(c.name, "plain") && !strings.Contains(text, "--admin-tls-cert") {
					t.Errorf("it does not say what would be needed: %s", text)
				}
			})
		}
	}
	for _, secret := range []string{s.viewer.Secret, s.operator.Secret, "keeper.wrong", "somebody"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

// TestMetricsMayBeOpen holds that --metrics-open opens them to everybody, and nothing else.
func TestMetricsMayBeOpen(t *testing.T) {
	s := newSecured(t, func(o *Options) { o.MetricsOpen = true })
	o := options()
	o.MetricsOpen = true
	plain := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	w := httptest.NewRecorder()
	if Handler(o).ServeHTTP(w, plain); w.Code != http.StatusOK {
		t.Errorf("in plain text: %d", w.Code)
	}
	nobody := s.overTLS(t, "")
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/debug/status": http.StatusUnauthorized} {
		if status, _ := nobody(t, path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

// TestARefusalIsCountedAndTold holds that each is counted by its reason, and told of without what was shown.
func TestARefusalIsCountedAndTold(t *testing.T) {
	s := newSecured(t, func(*Options) {})
	_, _ = s.overTLS(t, s.viewer.String()+"a")(t, "/debug/status")
	_, _ = s.overTLS(t, s.viewer.String())(t, "/debug/pprof/")
	for _, want := range []Refusal{{Address: "127.0.0.1", Path: "/debug/status", Reason: "token"}, {Address: "127.0.0.1", Path: "/debug/pprof/", Name: "watcher", Reason: "role"}} {
		select {
		case got := <-s.told:
			if got != want {
				t.Errorf("told %+v, want %+v", got, want)
			}
		case <-time.After(bound):
			t.Fatal("nothing is told")
		}
	}
	want := "# HELP portreeve_admin_refused_total Requests to the admin interface that were refused, by reason: credentials, token, expired, certificate, attempts, busy, issuer, role, plaintext, host.\n" +
		"# TYPE portreeve_admin_refused_total counter\nportreeve_admin_refused_total{reason=\"role\"} 1\nportreeve_admin_refused_total{reason=\"token\"} 1\n"
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), "portreeve_admin_refused_total"); err != nil {
		t.Error(err)
	}
	nobody := s.overTLS(t, "")
	s.now.Add(3600)
	at := s.now.Load()
	for range 3 * maxOneOff {
		s.now.Store(at - 120) // within a minute
		_, _ = nobody(t, "/debug/status")
	}
	if told := len(s.told); told != maxOneOff {
		t.Errorf("%d are told of one address in a minute, want %d", told, maxOneOff)
	}
}

// TestGuessingAtAnIssuerEnds holds that wrong tokens of an issuer, and what is no token, count against the address too.
func TestGuessingAtAnIssuerEnds(t *testing.T) {
	s := newSecured(t, func(*Options) {})
	good, viewer := s.issuer.token(t, func(c map[string]any) { c["groups"] = "watchers" }), s.overTLS(t, "")
	eventually(t, "the keys of the issuer are known", func() bool {
		status, _ := s.overTLS(t, good)(t, "/debug/status")
		return status == http.StatusOK
	})
	_, _ = viewer(t, "/healthz") // a new minute
	at := s.now.Load()
	for i := range 11 {
		s.now.Store(at - 120)
		want := http.StatusUnauthorized
		if i == 10 {
			want = http.StatusTooManyRequests
		}
		if status, _ := s.overTLS(t, []string{good + "a", "nothing"}[i%2])(t, "/debug/status"); status != want {
			t.Errorf("the wrong token %d: status %d, want %d", i+1, status, want)
		}
	}
}

// TestARoleThatIsTakenAwayEndsAtOnce holds that no connection outlives what the file says, and that a broken or an emptied file
// takes nothing away and gives nothing.
func TestARoleThatIsTakenAwayEndsAtOnce(t *testing.T) {
	s := newSecured(t, func(*Options) {})
	byToken, byCertificate := s.overTLS(t, s.viewer.String()), s.overTLS(t, "", s.certViewer)
	both := func(want int) func() bool {
		return func() bool {
			one, _ := byToken(t, "/debug/status")
			other, _ := byCertificate(t, "/debug/status")
			return one == want && other == want
		}
	}
	eventually(t, "both are viewers", both(http.StatusOK))
	for name, broken := range map[string]string{"empty": "", "broken": strings.Replace(s.roles, "tokens:", "tokens: [", 1), "unknown role": strings.ReplaceAll(s.roles, "role: viewer", "role: viever")} {
		write(t, s.files.Roles, []byte(broken))
		said := strings.Count(s.log.String(), "level=ERROR")
		eventually(t, name+" is said", func() bool { return strings.Count(s.log.String(), "level=ERROR") > said })
		if !both(http.StatusOK)() {
			t.Errorf("%s: what was in force is not any more", name)
		}
	}
	write(t, s.files.Roles, []byte("tokens: []\n"))
	eventually(t, "neither is a viewer", both(http.StatusUnauthorized))
	write(t, s.files.Roles, []byte(s.roles))
	eventually(t, "both are viewers again", both(http.StatusOK))
	write(t, s.files.Clients, newAuthority(t).pem())
	eventually(t, "certificates of an authority that is not trusted any more do not count", func() bool {
		status, _ := byCertificate(t, "/debug/status")
		return status == http.StatusUnauthorized
	})
}

// TestAProfileIsBounded holds that nobody takes one for long.
func TestAProfileIsBounded(t *testing.T) {
	local := inPlainText("127.0.0.1:18001", "127.0.0.1:1", "localhost")
	for _, seconds := range []string{"61", "-1", "0", "NaN", "+Inf", "1h", "1e9"} {
		for _, page := range []string{"profile", "trace", "heap"} {
			if status, text := local(t, "/debug/pprof/"+page+"?seconds="+strings.ReplaceAll(seconds, "+", "%2B")); status != http.StatusBadRequest || !strings.Contains(text, "60 at most") {
				t.Errorf("%s of %s: %d %s", page, seconds, status, text)
			}
		}
	}
}

// TestAFormMakesNoProfileLong holds that what the library reads of a body, behind what is checked, is nothing.
func TestAFormMakesNoProfileLong(t *testing.T) {
	const form = "--x\r\nContent-Disposition: form-data; name=\"seconds\"\r\n\r\n86400\r\n--x--\r\n"
	r := httptest.NewRequest(http.MethodGet, "/debug/pprof/trace", strings.NewReader(form))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	bounded(func(_ http.ResponseWriter, r *http.Request) {
		if seconds := r.FormValue("seconds"); seconds != "" {
			t.Errorf("it takes %s seconds", seconds)
		}
	})(httptest.NewRecorder(), r)
}
