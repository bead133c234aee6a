package jwks

import (
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/translate/model"
)

func TestGuard(t *testing.T) {
	g := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.2.3/8"), netip.MustParsePrefix("::ffff:192.168.0.0/112"), netip.MustParsePrefix("2001:db8::/32")})
	for address, refused := range map[string]bool{
		"127.0.0.1": false, "::1": false, "172.16.0.1": false, "8.8.8.8": false, "fd00::1": false, "0.0.0.0": false, "::": false,
		"169.254.169.254": true, "169.254.0.1": true, "fe80::1": true, "fe80::1%eth0": true, "febf::1": true,
		"fd00:ec2::254": true, "fd20:ce::254": true, "100.100.100.200": true, "168.63.129.16": true, "192.0.0.192": true,
		"::ffff:169.254.169.254": true, "::169.254.169.254": true, "64:ff9b::a9fe:a9fe": true, "2002:a9fe:a9fe::1": true,
		"10.255.0.1": true, "192.168.0.9": true, "192.169.0.1": false, "2001:db8::1": true, "::ffff:10.0.0.1": true,
	} {
		a := netip.MustParseAddr(address)
		if err := g.control("tcp", netip.AddrPortFrom(a, 443).String(), nil); (err != nil) != refused {
			t.Errorf("dial %s: %v, want refused %v", address, err, refused)
		}
		u := &url.URL{Scheme: "https", Host: netip.AddrPortFrom(a, 443).String()}
		if err := g.url(u); (err != nil) != refused {
			t.Errorf("%s: %v, want refused %v", u, err, refused)
		}
	}
	if newGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).address(netip.IPv4Unspecified()) == nil {
		t.Error("0.0.0.0 reaches a loopback that is blocked")
	}
}

func TestGuardOfNames(t *testing.T) {
	for address, refused := range map[string]bool{
		"https://issuer.example/": false, "http://localhost:8080": false, "http://3scale/": false, "http://a.1b/": false, "https://0xford/": false,
		"http://2852039166/": true, "http://0xa9fea9fe/": true, "http://169.254.43518/": true, "http://169.254.169.254./": true, "http://0251.0376.0251.0376/": true,
		"http://metadata.google.internal/": true, "http://Metadata.Google.Internal.:80/": true,
		"ftp://a/": true, "http:///x": true, "issuer": true, "http://./": true,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := newGuard(nil).url(u); (err != nil) != refused {
			t.Errorf("%s: %v, want refused %v", address, err, refused)
		}
	}
}

func TestRefresh(t *testing.T) {
	o := Options{}.completed()
	for name, tc := range map[string]struct {
		header      http.Header
		least, most time.Duration
	}{
		"nothing":         {http.Header{}, 18 * time.Minute, 22 * time.Minute},
		"no max-age":      {http.Header{"Cache-Control": {"no-store, must-revalidate"}}, 18 * time.Minute, 22 * time.Minute},
		"unreadable":      {http.Header{"Cache-Control": {"max-age=soon"}}, 18 * time.Minute, 22 * time.Minute},
		"zero":            {http.Header{"Cache-Control": {"max-age=0"}}, time.Minute, time.Minute},
		"short":           {http.Header{"Cache-Control": {"public, max-age=5"}}, time.Minute, time.Minute},
		"an hour":         {http.Header{"Cache-Control": {"public", `Max-Age="3600"`}}, 54 * time.Minute, 66 * time.Minute},
		"older than said": {http.Header{"Cache-Control": {"max-age=3600"}, "Age": {"4000"}}, time.Minute, time.Minute},
		"half is over":    {http.Header{"Cache-Control": {"max-age=7200"}, "Age": {"3600"}}, 54 * time.Minute, 66 * time.Minute},
		"long":            {http.Header{"Cache-Control": {"max-age=2147483647"}}, 21 * time.Hour, 24 * time.Hour},
	} {
		for range 100 {
			if got := o.refresh(maxAge(tc.header)); got < tc.least || got > tc.most {
				t.Errorf("%s: %v, want %v to %v", name, got, tc.least, tc.most)
			}
		}
	}
}

func TestBackoff(t *testing.T) {
	for before, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 8: 256 * time.Second, 9: 5 * time.Minute, 1 << 30: 5 * time.Minute} {
		if got := backoff(before, time.Second, 5*time.Minute); got < want*9/10 || got > want*11/10 {
			t.Errorf("after %d failures: %v, want about %v", before, got, want)
		}
	}
}

func TestRedacted(t *testing.T) {
	for address, want := range map[string]string{
		"https://u:p@a.example/k?x=1#f":       "https://a.example/k",
		"svc@project.iam.gserviceaccount.com": "svc@project.iam.gserviceaccount.com",
		"https://u:p@a.example:x/k?x":         "a.example:x/k",
		"urn:issuer?x":                        "urn:issuer",
		"":                                    "",
	} {
		if got := redacted(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestMetrics holds that sources that differ in what is not shown share their metrics, and
// that the worst of them is seen.
func TestMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	f, err := New(Options{Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	f.Want([]model.KeyRequest{{KeySource: model.KeySource{URI: "https://a/k?1"}}, {KeySource: model.KeySource{URI: "https://a/k?2"}}, {KeySource: model.KeySource{Issuer: "https://b"}}})
	good, bad := f.sources[model.KeySource{URI: "https://a/k?1"}], f.sources[model.KeySource{URI: "https://a/k?2"}]
	good.succeed(result{keys: keySet{content: content{Set: `{"keys":[{"kid":"a"},{}]}`}, FetchedAt: time.Unix(1000, 0)}})
	bad.failedSince = time.Unix(500, 0)
	want := map[string]float64{
		"portreeve_jwks_failed_since_timestamp_seconds https://a/k": 500,
		"portreeve_jwks_failed_since_timestamp_seconds https://b":   0,
		"portreeve_jwks_keys https://a/k":                           0,
		"portreeve_jwks_keys https://b":                             0,
		"portreeve_jwks_last_success_timestamp_seconds https://a/k": 0,
		"portreeve_jwks_last_success_timestamp_seconds https://b":   0,
		"portreeve_jwks_fetches_total failed":                       0,
		"portreeve_jwks_fetches_total fetched":                      0,
		"portreeve_jwks_fetches_total unchanged":                    0,
	}
	if diff := cmp.Diff(want, gathered(t, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := New(Options{Registerer: r}); err == nil {
		t.Error("metrics registered twice")
	}
}

// gathered returns the metrics by name and label.
func gathered(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			out[family.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}
