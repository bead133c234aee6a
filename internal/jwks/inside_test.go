package jwks

import (
	"context"
	"fmt"
	"math"
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
		"::ffff:0:a9fe:a9fe": true, "::ffff:0:169.254.169.254": true, "::ffff:0:8.8.8.8": false, "64:ff9b::808:808": false, "2002:808:808::1": false,
		"64:ff9b:1:a9fe:a9:fe00::": true, "64:ff9b:1::a9fe:a9fe": true, "64:ff9b:1:808:8:800:808:808": false,
		"2001:0:808:808::5601:5601": true, "2001:0:808:808::f7f7:f7f7": false, "2001:db9::5efe:a9fe:a9fe": true, "2001:db9::200:5efe:a9fe:a9fe": true, "2001:db9::5efe:808:808": false,
		"::ffff:0:10.0.0.1": true, "64:ff9b::a00:1": true, "2002:a00:1::": true, "64:ff9b:1::a00:1": true, "2002:b00:1::": false,
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
		"http://１６９.２５４.１６９.２５４/": true, "http://169.254.169。254/": true, "http://%EF%BC%91/": true, "https://bücher.example/": true, "https://xn--bcher-kva.example/": false,
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
		"zero":            {http.Header{"Cache-Control": {"max-age=0"}}, time.Minute, 66 * time.Second},
		"short":           {http.Header{"Cache-Control": {"public, max-age=5"}}, time.Minute, 66 * time.Second},
		"an hour":         {http.Header{"Cache-Control": {"public", `Max-Age="3600"`}}, 54 * time.Minute, 66 * time.Minute},
		"older than said": {http.Header{"Cache-Control": {"max-age=3600"}, "Age": {"4000"}}, time.Minute, 66 * time.Second},
		"half is over":    {http.Header{"Cache-Control": {"max-age=7200"}, "Age": {"3600"}}, 54 * time.Minute, 66 * time.Minute},
		"long":            {http.Header{"Cache-Control": {"max-age=2147483647"}}, 21 * time.Hour, 24 * time.Hour},
		"longer":          {http.Header{"Cache-Control": {"max-age=2147483648"}}, 21 * time.Hour, 24 * time.Hour},
		"beyond numbers":  {http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, 21 * time.Hour, 24 * time.Hour},
		"below zero":      {http.Header{"Cache-Control": {"max-age=-1"}}, 18 * time.Minute, 22 * time.Minute},
	} {
		spread(t, name, tc.least, tc.most, func() time.Duration { return o.refresh(maxAge(tc.header)) })
	}
}

// spread holds that times lie within bounds, and that chance uses most of what is between.
func spread(t *testing.T, name string, least, most time.Duration, next func() time.Duration) {
	t.Helper()
	low, high := most, least
	for range 1000 {
		got := next()
		if got < least || got > most {
			t.Errorf("%s: %v, want %v to %v", name, got, least, most)
			return
		}
		low, high = min(low, got), max(high, got)
	}
	if high-low < (most-least)/2 {
		t.Errorf("%s: a thousand times from %v to %v, want them spread from %v to %v", name, low, high, least, most)
	}
}

func TestBackoff(t *testing.T) {
	for before, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 8: 256 * time.Second, 9: 5 * time.Minute, 1 << 30: 5 * time.Minute} {
		spread(t, fmt.Sprintf("after %d failures", before), want*9/10, want*11/10, func() time.Duration { return backoff(before, time.Second, 5*time.Minute) })
	}
}

// TestDefaults holds what is promised where nobody says otherwise.
func TestDefaults(t *testing.T) {
	o := Options{}.completed()
	for name, tc := range map[string]struct{ got, want time.Duration }{
		"refresh":       {o.Refresh, 20 * time.Minute},
		"least refresh": {o.MinRefresh, time.Minute},
		"most refresh":  {o.MaxRefresh, 24 * time.Hour},
		"first backoff": {o.FirstBackoff, time.Second},
		"most backoff":  {o.MaxBackoff, 5 * time.Minute},
		"timeout":       {o.Timeout, 5 * time.Second},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
}

// TestPolicyWaitsForNewKeysAsLongAsAFetchMayTake holds how long policy waits for the keys of a new source.
func TestPolicyWaitsForNewKeysAsLongAsAFetchMayTake(t *testing.T) {
	o := Options{}.completed()
	for name, tc := range map[string]struct {
		request model.KeyRequest
		want    time.Duration
	}{
		"an address":              {model.KeyRequest{KeySource: model.KeySource{URI: "https://a"}}, 5*time.Second + 250*time.Millisecond},
		"an address, with a time": {model.KeyRequest{KeySource: model.KeySource{URI: "https://a"}, Timeout: time.Second}, time.Second + 250*time.Millisecond},
		"an issuer":               {model.KeyRequest{KeySource: model.KeySource{Issuer: "https://a"}}, 10*time.Second + 250*time.Millisecond},
		"much time":               {model.KeyRequest{KeySource: model.KeySource{URI: "https://a"}, Timeout: time.Hour}, 15 * time.Second},
		"more than there is":      {model.KeyRequest{KeySource: model.KeySource{Issuer: "https://a"}, Timeout: math.MaxInt64}, 15 * time.Second},
	} {
		if got := o.firstFetchTimeout(tc.request); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestNobodyWaitsForAnAttemptThatCannotBegin holds where as many fetches hang as there may be.
func TestNobodyWaitsForAnAttemptThatCannotBegin(t *testing.T) {
	f, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range concurrency {
		f.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.Want([]model.KeyRequest{{KeySource: model.KeySource{URI: "https://a/?secret"}, Timeout: time.Millisecond}})
	if diff := cmp.Diff(map[model.KeySource]string{{URI: "https://a/?secret"}: "https://a/"}, f.Awaited()); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}
	deadline := time.After(20 * time.Second)
	for len(f.Awaited()) > 0 && !t.Failed() {
		select {
		case <-f.Changes():
		case <-deadline:
			t.Error("awaited for ever")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSameReason(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b string
		want bool
	}{
		"the same":            {"the answer is 500", "the answer is 500", true},
		"another status":      {"the answer is 500", "the answer is 503", false},
		"another port":        {"read tcp 127.0.0.1:54321->127.0.0.1:80: reset", "read tcp 127.0.0.1:54399->127.0.0.1:80: reset", true},
		"another time":        {"expired: current time 2026-11-25T10:57:33Z is after", "expired: current time 2026-11-25T10:58:39Z is after", true},
		"another thing there": {"read tcp 127.0.0.1:54321: reset", "read tcp 127.0.0.1:54321: EOF", false},
	} {
		if got := sameReason(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
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
	f, err := New(Options{Registerer: r, Now: func() time.Time { return time.Unix(1200, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	f.Want([]model.KeyRequest{{KeySource: model.KeySource{URI: "https://a/k?1"}}, {KeySource: model.KeySource{URI: "https://a/k?2"}}, {KeySource: model.KeySource{Issuer: "https://b"}}})
	good, bad := f.sources[model.KeySource{URI: "https://a/k?1"}], f.sources[model.KeySource{URI: "https://a/k?2"}]
	good.succeed(result{keys: keySet{content: content{Set: `{"keys":[{"kid":"a"},{}]}`}, FetchedAt: time.Unix(1000, 0)}})
	good.next, bad.next = time.Unix(3000, 0), time.Unix(2000, 0)
	bad.failedSince = time.Unix(500, 0)
	b := f.sources[model.KeySource{Issuer: "https://b"}]
	b.published = "https://b/"
	b.keys.Set, b.keys.FetchedAt, b.next = `{"keys":[{}]}`, time.Unix(700, 0), time.Unix(4000, 0)
	want := map[string]float64{
		"portreeve_jwks_failed_since_timestamp_seconds https://a/k": 500,
		"portreeve_jwks_failed_since_timestamp_seconds https://b":   0,
		"portreeve_jwks_keys https://a/k":                           0,
		"portreeve_jwks_keys https://b":                             1,
		"portreeve_jwks_stale https://a/k":                          0,
		"portreeve_jwks_stale_seconds https://a/k":                  0,
		"portreeve_jwks_stale https://b":                            1,
		"portreeve_jwks_stale_seconds https://b":                    500,
		"portreeve_jwks_next_try_timestamp_seconds https://a/k":     3000,
		"portreeve_jwks_next_try_timestamp_seconds https://b":       4000,
		"portreeve_jwks_last_success_timestamp_seconds https://a/k": 0,
		"portreeve_jwks_last_success_timestamp_seconds https://b":   700,
		"portreeve_jwks_issuer_differs https://a/k":                 0,
		"portreeve_jwks_issuer_differs https://b":                   1,
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
