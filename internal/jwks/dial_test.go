package jwks_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate/model"
)

// TestWhatANameResolvesToIsGuarded holds that a name does not lead where its address may not.
func TestWhatANameResolvesToIsGuarded(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/keys", body(set(keyA)))
	named := strings.Replace(i.URL, "127.0.0.1", "localhost", 1)
	i.serve("/moved", http.RedirectHandler(named+"/keys", http.StatusFound).ServeHTTP)
	o := seldom()
	o.BlockCIDRs = prefixes("127.0.0.0/8", "::1/128")
	f := run(t, o)
	f.Want(requests(uri(named + "/keys")))
	f.log.await(t, "cannot be fetched")
	if got := f.only(t); got.State != jwks.Failed || !strings.Contains(got.Error, "is refused") {
		t.Errorf("status %+v", got)
	}
	if n := i.drain("/keys"); n != 0 {
		t.Errorf("%d requests", n)
	}

	// Without the block the name does lead there.
	f = run(t, seldom())
	f.Want(requests(uri(named + "/keys")))
	f.await(t, model.Keys{uri(named + "/keys"): set(keyA)})
}

// TestTheProxyOfTheEnvironment holds that it is asked, and may itself be where no issuer
// may be; a host that is not to go through it is guarded as ever.
func TestTheProxyOfTheEnvironment(t *testing.T) {
	asked := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		switch r.URL.Path {
		case "/keys":
			w.Write([]byte(set(keyA)))
		case "/moved":
			http.Redirect(w, r, "http://localhost:1/", http.StatusFound)
		}
	}))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	o := seldom()
	o.BlockCIDRs = prefixes("127.0.0.0/8", "::1/128")
	f := run(t, o)
	source := uri("http://issuer.invalid/keys")
	f.Want(requests(source, uri("http://issuer.invalid/moved"), uri("http://127.0.0.2/keys"), uri("http://issuer１.invalid/keys")))
	f.await(t, model.Keys{source: set(keyA)})
	for range 3 {
		f.log.await(t, "cannot be fetched")
	}
	for _, s := range f.Status() {
		if s.URI != source.URI && !strings.Contains(s.Error, "refused") && !strings.Contains(s.Error, "beyond ASCII") {
			t.Errorf("%s: %s", s.URI, s.Error)
		}
		if strings.Contains(s.Error, "connection refused") {
			t.Errorf("%s: dialled: %s", s.URI, s.Error)
		}
	}
	close(asked)
	for address := range asked {
		if !strings.HasPrefix(address, "http://issuer.invalid/") {
			t.Errorf("the proxy was asked for %s", address)
		}
	}
}
