package rollout_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

const (
	cds  = resourcev3.ClusterType
	eds  = resourcev3.EndpointType
	ecds = resourcev3.ExtensionConfigType
	lds  = resourcev3.ListenerType
	rds  = resourcev3.RouteType
)

// config is a generation: its clusters, what the routes and a TCP proxy lead to, and a number of its policy.
type config struct {
	clusters []string
	routes   []*routev3.Route
	tcp      string
	policy   int
	// authorizer is a cluster that the policy asks, and endpoint a number of all endpoints.
	authorizer string
	endpoint   uint32
	// edition tells contents of all clusters apart.
	edition string
}

// simple has clusters and a route to the first of them.
func simple(clusters ...string) config {
	return config{clusters: clusters, routes: []*routev3.Route{route(clusters[0])}}
}

func route(cluster string) *routev3.Route {
	return &routev3.Route{Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}}}}
}

func (c config) generation(t *testing.T) *rollout.Generation {
	t.Helper()
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	hcm := &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "route", ConfigSource: ads}},
		HttpFilters: []*hcmv3.HttpFilter{{Name: "policy", ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{
			ConfigDiscovery: &corev3.ExtensionConfigSource{ConfigSource: ads},
		}}},
	}
	r := envoy.Resources{
		Listeners: []*listenerv3.Listener{listener("http", match.Any(hcm))},
		Routes:    []*routev3.RouteConfiguration{{Name: "route", VirtualHosts: []*routev3.VirtualHost{{Name: "v", Routes: c.routes}}}},
		ExtensionConfigs: []*corev3.TypedExtensionConfig{{
			Name: "policy", TypedConfig: match.Any(&rbachttpv3.RBAC{RulesStatPrefix: fmt.Sprint(c.policy), ShadowRulesStatPrefix: c.authorizer}),
		}},
	}
	if c.tcp != "" {
		r.Listeners = append(r.Listeners, listener("tcp", match.Any(&tcpproxyv3.TcpProxy{
			StatPrefix: "tcp", ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: c.tcp},
		})))
	}
	for _, name := range c.clusters {
		r.Clusters = append(r.Clusters, &clusterv3.Cluster{
			Name: name, AltStatName: c.edition, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}, EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{},
		})
		r.Endpoints = append(r.Endpoints, &endpointv3.ClusterLoadAssignment{
			ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{Priority: c.endpoint}},
		})
	}
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return rollout.Of(s, nil)
}

// stream is a rollout with the gateway's answers and a clock.
type stream struct {
	*rollout.Rollout
	now time.Time
	// due are the types on their way, and refusing those that the gateway refused last.
	due, refusing map[string]bool
	// silent are the types that it has not asked for.
	silent map[string]bool
}

func newStream() *stream {
	return &stream{Rollout: rollout.New(rollout.NewMemo()), now: time.Unix(1e9, 0), due: map[string]bool{}, refusing: map[string]bool{}}
}

func (s *stream) Answered(url string) bool { return !s.due[url] || s.silent[url] }
func (s *stream) Asked(url string) bool    { return !s.silent[url] }
func (s *stream) Refused(url string) bool  { return s.refusing[url] }

// offers serves a generation; what is another then is on its way.
func (s *stream) offers(t *testing.T, c config) {
	t.Helper()
	s.serving(func() { s.Offer(c.generation(t), s.now) })
	s.goes()
}

// serving does something after which what is another is on its way.
func (s *stream) serving(do func()) {
	before := map[string]string{}
	for _, url := range rollout.Order() {
		before[url] = s.Want(url).GetVersion(url)
	}
	do()
	for _, url := range rollout.Order() {
		if s.Want(url).GetVersion(url) != before[url] {
			s.due[url] = true
		}
	}
}

func (s *stream) goes() {
	for more := true; more; {
		s.serving(func() { more = s.Step(s, s.now) })
	}
}

// answers has the gateway answer types, all of them where none is named, and the rollout go on.
func (s *stream) answers(urls ...string) {
	if len(urls) == 0 {
		all := rollout.Order()
		urls = all[:]
	}
	for _, url := range urls {
		s.due[url] = false
	}
	s.goes()
}

// settles has the gateway answer all there is, and time pass until nothing goes on.
func (s *stream) settles() {
	for range 10 {
		s.answers()
		if next := s.Next(); !next.IsZero() {
			s.now = next
		}
	}
}

func (s *stream) clusters() []string {
	return slices.Sorted(maps.Keys(s.Want(cds).GetVersionMap(cds)))
}

// serves reports whether the listeners and routes are those of a generation.
func (s *stream) serves(t *testing.T, c config) bool {
	t.Helper()
	g := c.generation(t)
	return s.Want(lds).Same(g.Part(lds)) && s.Want(rds).Holds(g.Part(rds).GetVersion(rds))
}

func (s *stream) want(t *testing.T, c config, clusters ...string) {
	t.Helper()
	if got := s.clusters(); !slices.Equal(got, clusters) {
		t.Errorf("clusters %v, want %v", got, clusters)
	}
	if !s.serves(t, c) {
		t.Error("the listeners and routes are of another generation")
	}
}

func TestMakeBeforeBreak(t *testing.T) {
	s, a, b := newStream(), simple("a"), simple("b")
	s.offers(t, a)
	s.want(t, a, "a")
	s.settles()
	s.offers(t, b)
	s.want(t, a, "a", "b")
	s.answers(lds, rds, ecds)
	s.want(t, a, "a", "b")
	s.answers(cds)
	s.want(t, b, "a", "b")
	s.answers()
	s.want(t, b, "a", "b")
	if left := s.Next().Sub(s.now); left != rollout.Linger {
		t.Errorf("it goes on in %v", left)
	}
	s.now = s.Next()
	s.goes()
	s.want(t, b, "a", "b")
	s.now = s.Next()
	s.goes()
	s.want(t, b, "b")
	s.answers()
	if !s.Next().IsZero() {
		t.Error("it would go on although all is done")
	}
}

// Only what changes and newly names a cluster that is not warm is held: a name that will never be
// resolved holds up no edit that has nothing to do with it.
func TestWhatIsHeld(t *testing.T) {
	mirror, weighted := route("a"), route("")
	mirror.GetRoute().RequestMirrorPolicies = []*routev3.RouteAction_RequestMirrorPolicy{{Cluster: "new"}}
	weighted.GetRoute().ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{
		Clusters: []*routev3.WeightedCluster_ClusterWeight{{Name: "a"}, {Name: "new"}},
	}}
	all := []string{"a", "b", "new"}
	for name, c := range map[string]struct {
		to   config
		held bool
	}{
		"a route to what is new":                  {config{clusters: all, routes: []*routev3.Route{route("new")}}, true},
		"a route to what is warm":                 {config{clusters: all, routes: []*routev3.Route{route("b")}}, false},
		"a mirror":                                {config{clusters: all, routes: []*routev3.Route{mirror}}, true},
		"a weight":                                {config{clusters: all, routes: []*routev3.Route{weighted}}, true},
		"a TCP proxy":                             {config{clusters: all, routes: []*routev3.Route{route("a")}, tcp: "new"}, true},
		"a TCP proxy to what is warm":             {config{clusters: all, routes: []*routev3.Route{route("a")}, tcp: "b"}, false},
		"a cluster that nothing leads to":         {config{clusters: all, routes: []*routev3.Route{route("a")}}, false},
		"a name that begins like one that is new": {config{clusters: []string{"a", "b", "b-new"}, routes: []*routev3.Route{route("b")}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream()
			s.offers(t, config{clusters: []string{"a", "b"}, routes: []*routev3.Route{route("a")}})
			s.settles()
			s.offers(t, c.to)
			if held := !s.serves(t, c.to); held != c.held {
				t.Errorf("held: %v", held)
			}
		})
	}
}

// What was put in place at the end of a hold is not held again for the same cluster.
func TestAHoldEnds(t *testing.T) {
	s := newStream()
	s.offers(t, simple("a"))
	s.settles()
	dead := config{clusters: []string{"a", "dead"}, routes: []*routev3.Route{route("a"), route("dead")}}
	s.offers(t, dead)
	s.answers(lds, rds)
	s.now = s.now.Add(rollout.Hold + 2*rollout.HoldEach - time.Millisecond)
	s.goes()
	if s.serves(t, dead) {
		t.Error("it is not held")
	}
	s.now = s.Next()
	s.goes()
	s.want(t, dead, "a", "dead")
	further := config{clusters: dead.clusters, routes: []*routev3.Route{route("dead"), route("a")}}
	s.offers(t, further)
	s.want(t, further, "a", "dead")
}

// A gateway of very many clusters is given longer, up to a bound.
func TestAHoldOfManyClusters(t *testing.T) {
	for many, want := range map[int]time.Duration{1: rollout.Hold + rollout.HoldEach, 1000: rollout.Hold + 1000*rollout.HoldEach, 20000: rollout.MostHold} {
		s := newStream()
		s.offers(t, simple("a"))
		s.settles()
		s.offers(t, simple(numbered("b", many)...))
		if got := s.Next().Sub(s.now); got != want {
			t.Errorf("%d clusters are waited for %v, want %v", many, got, want)
		}
	}
}

// Generations that are held follow each other; one that waits for nothing overtakes, and policy
// is always the newest.
func TestOneGenerationAtATime(t *testing.T) {
	a, b, c := simple("a"), simple("b"), simple("c")
	b.policy, c.policy = 1, 2
	s := newStream()
	s.offers(t, a)
	s.settles()
	s.offers(t, b)
	s.offers(t, c)
	s.want(t, a, "a", "b")
	if !s.Want(ecds).Same(c.generation(t).Part(ecds)) {
		t.Error("policy waits")
	}
	s.answers(cds)
	s.want(t, b, "a", "b", "c")
	s.answers(cds)
	s.want(t, c, "a", "b", "c")
	s.settles()
	s.want(t, c, "c")

	s.offers(t, a)
	c.policy = 3
	s.offers(t, c)
	s.want(t, c, "c")
	if !s.Want(ecds).Same(c.generation(t).Part(ecds)) {
		t.Error("policy waits")
	}
}

// Policy that newly names a cluster waits for that, and for nothing else, and not for long.
func TestPolicyWaitsForWhatItNames(t *testing.T) {
	a, b := simple("a"), config{clusters: []string{"a", "authorizer"}, routes: simple("a").routes, authorizer: "authorizer"}
	policyOf := func(c config) *rollout.Part { return c.generation(t).Part(ecds) }
	s := newStream()
	s.offers(t, a)
	s.settles()
	s.offers(t, b)
	if !s.Want(ecds).Same(policyOf(a)) || s.Next().Sub(s.now) != rollout.PolicyHold {
		t.Error("policy does not wait")
	}
	s.answers(cds)
	if !s.Want(ecds).Same(policyOf(b)) || !s.Next().IsZero() {
		t.Error("policy waits on")
	}
	s.settles()
	s.offers(t, a)
	s.settles()

	s.offers(t, b)
	s.now = s.now.Add(rollout.PolicyHold / 2)
	b.policy = 1
	s.offers(t, b)
	s.now = s.Next()
	s.goes()
	if !s.Want(ecds).Same(policyOf(b)) {
		t.Error("policy waits on and on")
	}
	b.policy = 2
	s.offers(t, b)
	if !s.Want(ecds).Same(policyOf(b)) {
		t.Error("policy waits for what the policy in place names already")
	}
}

// Endpoints of the newest generation are there at once, also while another one is held.
func TestEndpointsDoNotWait(t *testing.T) {
	s, b := newStream(), simple("b")
	s.offers(t, simple("a"))
	s.settles()
	s.offers(t, b)
	b = config{clusters: []string{"c", "b"}, routes: simple("c").routes, endpoint: 1}
	s.offers(t, b)
	for name, version := range b.generation(t).Part(eds).GetVersionMap(eds) {
		if got := s.Want(eds).GetVersionMap(eds)[name]; got != version {
			t.Errorf("endpoints of %s wait: %q", name, got)
		}
	}
	if s.serves(t, b) {
		t.Error("the routes do not wait")
	}
}

// A cluster that was taken away and comes back is not taken for warm before it was answered.
func TestBackAgain(t *testing.T) {
	a, b := simple("a"), simple("b")
	s := newStream()
	s.offers(t, a)
	s.settles()
	s.offers(t, b)
	s.answers(cds)
	s.answers()
	for range 2 {
		s.now = s.Next()
		s.goes()
	}
	s.want(t, b, "b")
	s.offers(t, a) // the removal is on its way
	s.want(t, b, "a", "b")
	s.answers(cds)
	s.want(t, a, "a", "b")
}

// While a gateway refuses what leads to clusters at every edit, what it may use stays, up to a bound.
func TestRefusalsPileUpToABound(t *testing.T) {
	for url, piles := range map[string]bool{lds: true, rds: true, ecds: true, resourcev3.SecretType: false, cds: false} {
		s := newStream()
		s.offers(t, simple("a"))
		s.settles()
		s.refusing[url] = true
		most := 0
		for i := range 6 {
			s.offers(t, simple(numbered(fmt.Sprintf("b%d-", i), 300)...))
			s.answers(cds)
			s.answers()
			got := s.clusters()
			most = max(most, len(got))
			if !slices.Contains(got, "a") && piles || i > 0 && !slices.Contains(got, fmt.Sprintf("b%d-7", i-1)) {
				t.Errorf("%s, edit %d: what may be used is not among %d clusters", url, i, len(got))
			}
			if !piles {
				s.settles()
			}
		}
		if piles && (most < 1000 || most > 1300) {
			t.Errorf("%s: %d clusters", url, most)
		}
		s.refusing[url] = false
		s.settles()
		if got := s.clusters(); len(got) != 300 {
			t.Errorf("%s, when it is made good: %d clusters", url, len(got))
		}
	}
}

// Endpoints have another name with each edition of their cluster, so they pile up where no cluster does.
func TestEditionsPileUpToABound(t *testing.T) {
	s, c := newStream(), simple(numbered("a", 300)...)
	s.offers(t, c)
	s.settles()
	s.refusing[lds] = true
	for i := range 12 {
		c.edition = fmt.Sprint(i)
		s.offers(t, c)
		s.answers(cds)
		s.answers()
		if got := len(s.Want(eds).GetVersionMap(eds)); got > 300+1000 {
			t.Fatalf("edit %d: %d endpoints of 300 clusters", i, got)
		}
	}
	s.refusing[lds] = false
	s.settles()
	if got := len(s.Want(eds).GetVersionMap(eds)); got != 300 {
		t.Errorf("when it is made good: %d endpoints", got)
	}
}

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(prefix, i)
	}
	return out
}

// A gateway that comes back keeps what it has until it has what takes the place of it.
func TestAGatewayThatComesBack(t *testing.T) {
	a, b := simple("a"), simple("b")
	for name, has := range map[string]func(string) *rollout.Part{
		"it is known": func(url string) *rollout.Part { return a.generation(t).Part(url) },
		"it says what it has": func(url string) *rollout.Part {
			return rollout.Announced(url, a.generation(t).Part(url).GetVersionMap(url))
		},
	} {
		for _, first := range []string{"offered first", "offered last"} {
			t.Run(name+", "+first, func(t *testing.T) {
				s := newStream()
				if first == "offered first" {
					s.offers(t, b)
				}
				for _, url := range []string{cds, lds, rds, ecds} {
					s.serving(func() { s.Has(has(url), s.now) })
				}
				if first == "offered last" {
					s.offers(t, b)
				}
				s.due[cds] = true
				if got := s.clusters(); !slices.Equal(got, []string{"a", "b"}) {
					t.Errorf("clusters %v", got)
				}
				if version := s.Want(rds).GetVersionMap(rds)["route"]; version != a.generation(t).Part(rds).GetVersionMap(rds)["route"] {
					t.Error("the routes do not wait")
				}
				if !s.Want(ecds).Same(b.generation(t).Part(ecds)) {
					t.Error("policy waits")
				}
				s.answers(cds)
				s.want(t, b, "a", "b")
				s.settles()
				s.want(t, b, "b")
			})
		}
	}
}

// A gateway that comes back with the routes that it is to have waits for no cluster of theirs.
func TestAGatewayThatComesBackWithWhatItIsToHave(t *testing.T) {
	a := config{clusters: []string{"a", "dead"}, routes: []*routev3.Route{route("dead")}}
	g := a.generation(t)
	s := newStream()
	s.offers(t, a)
	s.Has(rollout.Announced(cds, map[string]string{"a": g.Part(cds).GetVersionMap(cds)["a"]}), s.now)
	s.due[cds] = true
	for _, url := range []string{lds, rds} {
		s.Has(rollout.Announced(url, g.Part(url).GetVersionMap(url)), s.now)
	}
	s.want(t, a, "a", "dead")
}

// What a gateway has announced, and nobody knows the content of, can never be sent.
func TestWhatIsAnnouncedCannotBeSent(t *testing.T) {
	for name, r := range rollout.Announced(cds, map[string]string{"a": "1"}).GetResources(cds) {
		if b, err := cachev3.MarshalResource(r); err == nil {
			t.Errorf("%s becomes %d bytes", name, len(b))
		}
	}
}

func listener(name string, filter *anypb.Any) *listenerv3.Listener {
	return &listenerv3.Listener{Name: name, FilterChains: []*listenerv3.FilterChain{{
		Filters: []*listenerv3.Filter{{Name: "filter", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: filter}}},
	}}}
}

// TestRoutesWaitForClustersThatAreAskedForLast holds that a gateway which comes back in the midst of an update, and asks for its
// clusters after its routes, is not given new routes before the clusters to which they lead. One that never asks gets them when the hold ends.
func TestRoutesWaitForClustersThatAreAskedForLast(t *testing.T) {
	for name, asks := range map[string]bool{"asks": true, "never asks": false} {
		t.Run(name, func(t *testing.T) {
			s, before, after := newStream(), simple("a").generation(t), simple("b")
			s.silent = map[string]bool{cds: true}
			s.offers(t, after)
			for _, url := range []string{lds, rds} {
				s.serving(func() { s.Has(rollout.Announced(url, before.Part(url).GetVersionMap(url)), s.now) })
				s.answers(url)
			}
			if s.serves(t, after) {
				t.Error("the new routes are there before a cluster was asked for")
			}
			if !asks {
				s.now = s.Next()
				s.goes()
			} else {
				s.silent = nil
				s.serving(func() { s.Has(rollout.Announced(cds, before.Part(cds).GetVersionMap(cds)), s.now) })
				s.due[cds] = true
				s.goes()
				if s.serves(t, after) {
					t.Error("the new routes are there before the new cluster is warm")
				}
				s.answers(cds)
			}
			if !s.serves(t, after) {
				t.Error("the new routes never come")
			}
		})
	}
}
