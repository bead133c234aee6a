package reload

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// judged is a reloader that has read a file under --require-tests, and the judge of what it read.
func judged(t *testing.T) (*rendering, *judge) {
	t.Helper()
	s := newRendering(t)
	s.reader.settings.RequireTests = true
	s.text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\nspec: {}\n"
	if err := s.Reload(t.Context(), input.Change{}); err != nil {
		t.Fatal(err)
	}
	if s.history.latest.tests == nil {
		t.Fatal("the generation is judged by nobody")
	}
	return s, s.history.latest.tests
}

func zone(name string) node.Group {
	return node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway", "zone": name}})
}

func within(t *testing.T, what string, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(10 * time.Second):
		t.Errorf("waited too long until %s", what)
	}
}

// TestNobodyWaitsForAJudgement holds that the lock which all gateways wait for is free while one is judged.
func TestNobodyWaitsForAJudgement(t *testing.T) {
	s, j := judged(t)
	begun, end := make(chan struct{}), make(chan struct{})
	late := zone("late")
	j.known[late.Key] = sync.OnceValue(func() diag.List {
		close(begun)
		<-end
		return nil
	})
	joined := make(chan struct{})
	go func() { defer close(joined); s.Join(late) }()
	within(t, "the judgement begins", begun)
	other := make(chan struct{})
	go func() { defer close(other); s.Join(zone("other")) }()
	within(t, "another gateway has joined", other)
	close(end)
	<-joined
}

// TestJudgementsAreBounded holds that a flood of groups is judged, and not kept in memory.
func TestJudgementsAreBounded(t *testing.T) {
	_, j := judged(t)
	for i := range 2*maxRemembered + 10 {
		g := zone(strconv.Itoa(i))
		j.refusals(g.Key, g.Gateway)
		if _, kept := j.known[g.Key]; !kept || len(j.known) > maxRemembered {
			t.Fatalf("%d groups are remembered, the latest among them: %v", len(j.known), kept)
		}
	}
}
