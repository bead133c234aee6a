package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// edits is how many edits a test of make before break makes: 200 in `make soak`.
func edits() int {
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		return 200
	}
	return 30
}

// floor is a shop whose routes and services are in one file, so that one write changes both.
type floor struct {
	*shop
	port     int
	protocol string
	backends map[string]string // port by name
}

// openFloor serves the file that content makes of the floor.
func openFloor(t testing.TB, protocol string, content func(*floor) string, change func([]byte) []byte, flags ...string) *floor {
	t.Helper()
	f := &floor{shop: &shop{}, port: envoytest.FreePort(t), protocol: protocol, backends: map[string]string{}}
	for _, name := range []string{"a", "b", "c"} {
		f.backends[name] = named(t, name, 200)
	}
	dir := newPolicyDir(t, map[string]string{"shop.yaml": content(f)})
	f.plane, f.services = startPlane(t, dir, flags...), filepath.Join(dir, "shop.yaml")
	bootstrap := bytes.Replace(f.bootstrap(t), []byte("DELTA_GRPC"), []byte(protocol), 1)
	if change != nil {
		bootstrap = change(bootstrap)
	}
	f.gateway = envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap})
	f.address = f.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", f.port))
	return f
}

// service is a ServiceEntry of a host whose only endpoint is a backend of the floor.
func (f *floor) service(host, backend string) string {
	return serviceAt(host, "STATIC", "127.0.0.1", f.backends[backend])
}

func serviceAt(host, resolution, address, port string) string {
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: %s}\nspec: {hosts: [%[1]s], ports: [{number: 80, name: http, protocol: HTTP}], resolution: %s, endpoints: [{address: %s, ports: {http: %s}}]}\n", host, resolution, address, port)
}

// leadingTo is a route of everything to a host.
func leadingTo(host string) string {
	return fmt.Sprintf("  - route: [{destination: {host: %s}}]\n", host)
}

// scheme says how a service of a host at a backend is written, and what else belongs to it.
type scheme func(f *floor, host, backend string) string

// turn is the content of the file at an edit, and the backend that answers then. Of every four edits
// one brings a service and leads to it, one moves from one that goes to one that comes, one removes
// what nothing leads to, and one goes back.
func (s scheme) turn(f *floor, i int) (content, backend string) {
	b, c := fmt.Sprintf("b%d", i/4), fmt.Sprintf("c%d", i/4)
	switch i % 4 {
	case 1:
		return shopRouting(f.port, leadingTo(b)) + s(f, "a", "a") + s(f, b, "b"), "b"
	case 2:
		return shopRouting(f.port, leadingTo(c)) + s(f, b, "b") + s(f, c, "c"), "c"
	case 3:
		return shopRouting(f.port, leadingTo(c)) + s(f, c, "c"), "c"
	default:
		return shopRouting(f.port, leadingTo("a")) + s(f, "a", "a"), "a"
	}
}

// answers waits until a backend answers at a path.
func (f *floor) answers(t testing.TB, what, path, backend string) {
	t.Helper()
	eventually(t, what, func() bool { return ask(t, f.address, path).Header.Get("Backend") == backend })
}

// ended reports what a load has lost.
func (l *load) ended(t *testing.T) {
	t.Helper()
	l.stop()
	if len(l.lost) > 0 {
		t.Errorf("%d of %d requests failed, first: %v", len(l.lost), l.requests, l.lost[0])
	}
	t.Logf("%d requests", l.requests)
}

func ok(status int) bool { return status == 200 }

// TestAnEditLosesNoRequest brings, moves and removes services together with the routes to them, under
// load: no request fails, whatever it is that a cluster waits for before it is warm.
func TestAnEditLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	secure := map[string]string{}
	a := newAuthority(t)
	for _, name := range []string{"a", "b", "c"} {
		secure[name] = tlsNamed(t, a, name)
	}
	schemes := map[string]scheme{
		"endpoints": func(f *floor, host, backend string) string { return f.service(host, backend) },
		"subsets": func(f *floor, host, backend string) string {
			return f.service(host, backend) + fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s}\nspec: {host: %[1]s, subsets: [{name: v1, labels: {}}]}\n", host)
		},
		"DNS": func(f *floor, host, backend string) string {
			return serviceAt(host, "DNS", host+".slow.test", f.backends[backend])
		},
		"TLS": func(_ *floor, host, backend string) string {
			return serviceAt(host, "STATIC", "127.0.0.1", secure[backend]) + speaking(host, "mode: SIMPLE, sni: "+backend+".example, caCertificates: "+a.file)
		},
	}
	dns := slowDNS(t, 100*time.Millisecond)
	for form, protocol := range protocols() {
		for name, s := range schemes {
			t.Run(form+", "+name, func(t *testing.T) {
				t.Parallel()
				turn := func(f *floor, i int) (string, string) {
					content, backend := s.turn(f, i)
					if name == "subsets" {
						content = strings.Replace(content, "}}]\n", ", subset: v1}}]\n", 1)
					}
					return content, backend
				}
				f := openFloor(t, protocol, func(f *floor) string { content, _ := turn(f, 0); return content }, dns.resolving)
				l := startLoad(t, f.address, 4, ok)
				for i := 1; i <= edits(); i++ {
					content, backend := turn(f, i)
					replace(t, f.services, content)
					f.answers(t, fmt.Sprintf("edit %d counts", i), "/", backend)
				}
				l.ended(t)
			})
		}
	}
}

// TestAStormOfEditsLosesNoRequest makes the edits one after the other without waiting for what comes
// of them, every two milliseconds.
func TestAStormOfEditsLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	plain := scheme(func(f *floor, host, backend string) string { return f.service(host, backend) })
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			f := openFloor(t, protocol, func(f *floor) string { content, _ := plain.turn(f, 0); return content }, nil)
			l := startLoad(t, f.address, 4, ok)
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for i := 1; i <= 10*edits(); i++ {
				content, _ := plain.turn(f, i)
				replace(t, f.services, content)
				<-tick.C
			}
			content, backend := plain.turn(f, 2)
			replace(t, f.services, content)
			f.answers(t, "the last edit counts", "/", backend)
			l.ended(t)
		})
	}
}

// TestAnEditWhileItIsDownLosesNoRequest swaps a service while the control plane is down. In
// state-of-the-world a gateway does not say what it has: there the state directory knows.
func TestAnEditWhileItIsDownLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	plain := scheme(func(f *floor, host, backend string) string { return f.service(host, backend) })
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			flags := []string{"--state-dir", t.TempDir()}
			f := openFloor(t, protocol, func(f *floor) string { content, _ := plain.turn(f, 0); return content }, nil, flags...)
			l := startLoad(t, f.address, 4, ok)
			for i := 1; i <= 8; i++ {
				content, backend := plain.turn(f, 2*i)
				f.restart(t, func() { replace(t, f.services, content) }, flags...)
				f.answers(t, "the edit counts", "/", backend)
			}
			l.ended(t)
		})
	}
}

// BenchmarkAServiceEdit tells how long it takes from the write of a file that swaps a service until
// requests reach the new one.
func BenchmarkAServiceEdit(b *testing.B) {
	envoytest.Require(b)
	plain := scheme(func(f *floor, host, backend string) string { return f.service(host, backend) })
	for form, protocol := range protocols() {
		b.Run(form, func(b *testing.B) {
			f := openFloor(b, protocol, func(f *floor) string { content, _ := plain.turn(f, 0); return content }, nil)
			for i := 2; b.Loop(); i += 2 {
				content, backend := plain.turn(f, i)
				replace(b, f.services, content)
				f.answers(b, "the edit counts", "/", backend)
			}
		})
	}
}
