package origin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
)

// recorded keeps what is recorded, in order.
type recorded struct {
	events []audit.Event
	now    time.Time
}

func newGateways() (*recorded, *origin.Gateways) {
	r := &recorded{now: time.Unix(0, 0)}
	return r, origin.NewGateways(func(e audit.Event) { r.events = append(r.events, e) }, func() time.Time { return r.now })
}

// take returns what was recorded since it was asked last.
func (r *recorded) take() []audit.Event {
	out := r.events
	r.events = nil
	return out
}

func peer(node string) ack.Peer {
	return ack.Peer{Node: node, Group: `edge{"istio":"ingressgateway"}`, Address: "192.0.2.1:1", Identity: "spiffe://a/ns/edge/gateway/one", Envoy: "1.40.0", Protocol: ack.Delta}
}

// TestWhatAGatewayDoesIsRecorded holds which answers of a gateway are events: what it refuses, once, and that it takes it after
// all. What it takes at once is none, nor what it is sent.
func TestWhatAGatewayDoesIsRecorded(t *testing.T) {
	r, g := newGateways()
	p := peer("n")
	refusal := ack.Refusal{Version: "v1", Message: "bad a", Resources: []string{"a"}, Origins: []diag.Position{{File: "a.yaml", Line: 3, Column: 4}}}
	again := refusal
	again.Again = true
	for _, e := range []ack.Event{
		{Kind: ack.Connected, Peer: p},
		{Kind: ack.ResponseSent, Peer: p, Name: "ECDS", Version: "v1", Resources: []string{"a", "b"}},
		{Kind: ack.ResponseRefused, Peer: p, Name: "ECDS", Version: "v1", Resources: []string{"a", "b"}, Refusal: &refusal},
		{Kind: ack.ResponseRefused, Peer: p, Name: "ECDS", Version: "v1", Resources: []string{"a", "b"}, Refusal: &again},
		{Kind: ack.ResponseAccepted, Peer: p, Name: "CDS", Version: "v1", Resources: []string{"c"}},
		{Kind: ack.ResponseAccepted, Peer: p, Name: "ECDS", Version: "v2", Resources: []string{"a", "b"}, Mended: []string{"a"}},
		{Kind: ack.Disconnected, Peer: p},
	} {
		g.Observe(e)
	}
	details := origin.GatewayDetails{Group: p.Group, Address: p.Address, Identity: p.Identity, Envoy: "1.40.0", Protocol: "delta"}
	edge := []string{"edge"}
	want := []audit.Event{
		{Type: audit.GatewayConnected, Subject: "n", Outcome: audit.Success, Namespaces: edge, Message: "gateway n connected", Details: details},
		{Type: audit.ResponseRefused, Subject: "n", Outcome: audit.Refused, Namespaces: edge, Message: "gateway n refused ECDS and stays on what it had: bad a",
			Details: origin.ResponseDetails{GatewayDetails: details, Type: "ECDS", Version: "v1", Resources: []string{"a"}, Origins: []string{"a.yaml:3:4"}}},
		{Type: audit.ResponseAccepted, Subject: "n", Outcome: audit.Success, Namespaces: edge, Message: "gateway n takes ECDS that it had refused",
			Details: origin.ResponseDetails{GatewayDetails: details, Type: "ECDS", Version: "v2", Resources: []string{"a"}}},
		{Type: audit.GatewayDisconnected, Subject: "n", Outcome: audit.Success, Namespaces: edge, Message: "gateway n disconnected", Details: details},
	}
	if d := cmp.Diff(want, r.take()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	p.Group = `"odd{ns"{}`
	g.Observe(ack.Event{Kind: ack.Connected, Peer: p})
	if got := r.take()[0].Namespaces; cmp.Diff([]string{"odd{ns"}, got) != "" {
		t.Errorf("the namespace of a group that is quoted is %q", got)
	}
}

// TestAFloodOfRefusalsIsBounded holds how many events of refusals a minute there are, of one peer and of all, that who never says a
// node hides no gateway, and that the rest is counted, to one, by its kind.
func TestAFloodOfRefusalsIsBounded(t *testing.T) {
	r, g := newGateways()
	for i := range 10_000 {
		g.Refused(server.Refusal{Kind: "handshake", Peer: fmt.Sprintf("192.0.2.1:%d", i), Reason: "no"})
	}
	if n := len(r.take()); n != 10 {
		t.Errorf("%d events of one address", n)
	}
	for i := range 10_000 {
		g.Refused(server.Refusal{Kind: "strangers", Peer: fmt.Sprintf("192.0.%d.%d:1", i/256, i%256), Reason: "no"})
	}
	if n := len(r.take()); n != 20 {
		t.Errorf("%d further events of those without a node", n)
	}
	for i := range 10_000 { // it makes up names, and comes from anywhere
		g.Refused(server.Refusal{Kind: "identity", Peer: fmt.Sprintf("192.0.2.%d:1", i%256), Node: fmt.Sprint("n-", i), Identity: "spiffe://a/b", Reason: "no"})
	}
	if n := len(r.take()); n != 10 {
		t.Errorf("%d events of one identity", n)
	}
	g.Rest()
	counts := map[string]int{}
	for _, e := range r.take() {
		for kind, n := range e.Details.(origin.LeftOutDetails).LeftOut {
			counts[kind] += n
		}
		if e.Type != audit.GatewayRefused || e.Outcome != audit.Refused {
			t.Errorf("the count is %+v", e)
		}
	}
	if d := cmp.Diff(map[string]int{"handshake": 9990, "strangers": 9980, "identity": 9990}, counts); d != "" {
		t.Errorf("what is left out is counted otherwise (-want +got):\n%s", d)
	}
	if g.Rest(); len(r.take()) != 0 {
		t.Error("it is counted twice")
	}
	r.now = r.now.Add(time.Minute)
	if g.Refused(server.Refusal{Kind: "handshake", Peer: "192.0.2.1:1", Reason: "no"}); len(r.take()) != 1 {
		t.Error("the next minute has no event")
	}
}

// TestAFleetThatComesBackIsRecordedWhole holds that ten thousand gateways that go and come at one moment are all on record, and that one
// of them that does so again and again is not.
func TestAFleetThatComesBackIsRecordedWhole(t *testing.T) {
	const fleet = 10_000
	r, g := newGateways()
	for _, kind := range []ack.Kind{ack.Disconnected, ack.Connected} {
		for i := range fleet {
			g.Observe(ack.Event{Kind: kind, Peer: peer(fmt.Sprint("n-", i))})
		}
	}
	if n := len(r.take()); n != 2*fleet {
		t.Errorf("%d events of %d gateways that go and come", n, fleet)
	}
	for range 1000 {
		g.Observe(ack.Event{Kind: ack.Connected, Peer: peer("restless")})
	}
	if n := len(r.take()); n != 60 {
		t.Errorf("%d events of one gateway in a minute", n)
	}
	for i := range 100_000 {
		g.Observe(ack.Event{Kind: ack.Connected, Peer: peer(fmt.Sprint("more-", i))})
	}
	if n := len(r.take()); n != 30_000-2*fleet-60 {
		t.Errorf("%d further events", n)
	}
	for i := range 1000 {
		g.Observe(ack.Event{Kind: ack.ResponseRefused, Peer: peer("n"), Name: "ECDS", Refusal: &ack.Refusal{Message: fmt.Sprint(i)}})
	}
	if n := len(r.take()); n != 60 {
		t.Errorf("%d events of what one gateway refuses", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g.Run(ended)
	if got := r.take(); len(got) != 2 {
		t.Errorf("at the end it is said of the rest %+v", got)
	}
}

// TestAMessageOfAGatewayShowsNoSecret holds that what Envoy quotes of what it was sent is taken out of the event, and that what else it
// says stays.
func TestAMessageOfAGatewayShowsNoSecret(t *testing.T) {
	r, g := newGateways()
	for _, message := range []string{
		`a {"keys":[{"kty":"oct","k":"hush-hush-hush"}]} z`, `a {\"kty\":\"EC\",\"d\": \"hush\"} z`, "a eyJhbGciOiJodXNo.eyJodXNoIjoi.hush z",
		"a -----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY----- z", "a Authorization: Basic hush== z", "a -----BEGIN EC PRIVATE KEY-----\nhush z",
	} {
		g.Observe(ack.Event{Kind: ack.ResponseRefused, Peer: peer("n"), Name: "SDS", Refusal: &ack.Refusal{Message: message}})
		text, err := json.Marshal(r.take())
		if err != nil || strings.Contains(string(text), "hush") || !strings.Contains(string(text), "had: a ") {
			t.Errorf("%s gives %s, %v", message, text, err)
		}
	}
	const plain = "Error adding/updating listener(s) 0.0.0.0_80: cannot bind '0.0.0.0:80': Address already in use"
	g.Observe(ack.Event{Kind: ack.ResponseRefused, Peer: peer("n"), Name: "LDS", Refusal: &ack.Refusal{Message: plain}})
	if got := r.take()[0].Message; !strings.HasSuffix(got, plain) {
		t.Errorf("%s gives %s", plain, got)
	}
}

// TestWhatIsToldOfAnAnswerIsBounded holds that the details of an answer stay within what a line may have, whatever a gateway asked for.
func TestWhatIsToldOfAnAnswerIsBounded(t *testing.T) {
	r, g := newGateways()
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint(i, strings.Repeat("é", 10_000)))
	}
	g.Observe(ack.Event{Kind: ack.ResponseAccepted, Peer: peer("n"), Name: "EDS", Mended: many})
	text, err := json.Marshal(r.take()[0].Details)
	if err != nil || len(text) > 96<<10 || strings.Count(string(text), "…") != 100 {
		t.Errorf("there are %d bytes of details, %v", len(text), err)
	}
}
