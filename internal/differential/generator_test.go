package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/optimize"
)

type object = map[string]any

// shape is the form in which a set is rendered.
type shape string

const (
	served shape = "served"
	static shape = "static"
	istios shape = "istio"
)

// set is what one gateway is configured by. Texts in it may hold ${ip}, ${network}, ${n}, ${backend} and ${authorizer}:
// see place.
type set struct {
	shape shape
	// rewritten are the rules by which policy is rewritten.
	rewritten []string
	mesh      object
	objects   []object
	// seen are the values that the policies hold, by what they are values of: requests are drawn around them.
	seen map[string][]string
}

// place is where a set is served: each in a batch has an address, and services, of its own.
type place struct {
	// network is the second byte of the addresses of all gateways, number the place of this one among them.
	network, number     int
	backend, authorizer int
}

// ip is the address of the gateway.
func (p place) ip() string {
	return fmt.Sprintf("127.%d.%d.%d", p.network, p.number/250, p.number%250+1)
}

func (p place) fill(text string) string {
	return strings.NewReplacer("${ip}", p.ip(), "${network}", fmt.Sprint(p.network), "${n}", fmt.Sprint(p.number), "${backend}", fmt.Sprint(p.backend), "${authorizer}", fmt.Sprint(p.authorizer)).Replace(text)
}

// text returns the mesh configuration and the policies as YAML.
func (s *set) text(p place) (mesh, policies string) {
	var out strings.Builder
	for _, o := range s.objects {
		out.WriteString("---\n" + written(o))
	}
	return p.fill(written(s.mesh)), p.fill(out.String())
}

func written(v any) string {
	content, err := yaml.Marshal(v)
	if err != nil {
		panic(err) // it is maps, lists and texts
	}
	return string(content)
}

// generator makes random sets and requests. Every method takes the next random numbers.
type generator struct {
	*rand.Rand
	keys *keys
	// certificates are nil where no gateway speaks TLS.
	certificates *certificates
	seen         map[string][]string
	// signatures are tokens that are signed.
	signatures []string
	// n counts the objects of a set.
	n int
}

func newGenerator(seed uint64, k *keys, c *certificates) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 14)), keys: k, certificates: c, seen: map[string][]string{}} //nolint:gosec // a test wants the same again
}

// in reports, once in n times on average, that something is to be done.
func (g *generator) in(n int) bool { return g.IntN(n) == 0 }

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// some returns 1 to n different values.
func (g *generator) some(n int, from ...string) []string {
	var out []string
	for _, i := range g.Perm(len(from))[:1+g.IntN(min(n, len(from)))] {
		out = append(out, from[i])
	}
	return out
}

// of returns values of a kind, and remembers that the policies hold them.
func (g *generator) of(kind string, n int) []string {
	out := g.some(n, vocabulary()[kind]...)
	g.seen[kind] = append(g.seen[kind], out...)
	return out
}

// one is of, for one value.
func (g *generator) one(kind string) string { return g.of(kind, 1)[0] }

// set makes the configuration of a gateway.
func (g *generator) set() *set {
	g.seen, g.n = map[string][]string{}, 0
	s := &set{shape: []shape{served, served, served, static, istios}[g.IntN(5)], mesh: g.mesh(), seen: g.seen, rewritten: g.optimizing()}
	s.objects = append(s.objects, g.gateway(), g.service("one"), g.service("two"), g.authorizer(), g.secret())
	for range 1 + g.IntN(2) {
		s.objects = append(s.objects, g.virtualService())
	}
	for range g.IntN(3) {
		s.objects = append(s.objects, g.requestAuthentication())
	}
	if !g.in(3) {
		s.objects = append(s.objects, g.many()...)
	}
	for n := g.IntN(5); n > 0 || len(s.objects) < 9; n-- {
		s.objects = append(s.objects, g.authorizationPolicy())
	}
	if g.in(5) {
		s.objects = append(s.objects, g.jwtPolicy())
	}
	return s
}

// optimizing returns all rules that rewrite policy, or some, or none.
func (g *generator) optimizing() []string {
	all := optimize.Names()
	switch g.IntN(8) {
	case 0:
		return []string{}
	case 1, 2, 3:
		return slices.DeleteFunc(all, func(string) bool { return g.in(2) })
	default:
		return all
	}
}

func (g *generator) object(kind string, spec object) object {
	version := "security.istio.io/v1"
	switch kind {
	case "Gateway", "VirtualService", "ServiceEntry":
		version = "networking.istio.io/v1"
	case "JWTPolicy":
		version = "portreeve.dev/v1alpha1"
	}
	g.n++
	return object{"apiVersion": version, "kind": kind, "metadata": object{"name": fmt.Sprintf("%s-%d", strings.ToLower(kind[:1]), g.n), "namespace": "istio-system"}, "spec": spec}
}
