package reload_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

// keys puts the keys of a source into the keyring, whose sources are not awaited any more.
func (p *plane) keys(uri, revision string) {
	p.ring.keys = model.Keys{{URI: uri}: `{"keys":[` + revision + `]}`}
	p.ring.await()
}

// metric returns the value of a metric, or of the one with a label of that value.
func (p *plane) metric(name, label string) float64 {
	p.t.Helper()
	families, err := p.metrics.Gather()
	must(p.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetGauge().GetValue()
			}
		}
	}
	p.t.Fatalf("there is no metric %s %s", name, label)
	return 0
}

// TestWhatTheRecordDoesNotTakeIsServedToNobody holds while the record fails: for who is connected, who comes, and
// keys; what is said of it; when it is tried again; and that an edit meanwhile takes its place.
func TestWhatTheRecordDoesNotTakeIsServedToNobody(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/a"), "t.yaml": trusting(keysA, "one")})
	p.keys(keysA, "1")
	p.read()
	one := gatewayOf("one")
	p.Join(one)

	p.record.fails = errRecord
	p.files.files["a.yaml"] = policy("a", "/edit-2")
	p.read()
	p.Join(gatewayOf("two"))
	p.keys(keysA, "2")
	must(t, p.RotateKeys(t.Context()))
	status := p.Status()
	held := status.HeldByRecord
	if held == nil || held.Generation.Seq != 2 || held.Attempts != 1 || held.Reason != errRecord.Error() || status.Latest.Seq != 1 || !status.Ready {
		t.Fatalf("held %+v, status %+v", held, status)
	}
	for _, g := range status.Groups {
		if g.Serving.Seq != 1 {
			t.Errorf("%s is served %d", g.Key(), g.Serving.Seq)
		}
	}
	if n := len(p.publisher.of(one)); n != 2 {
		t.Errorf("published %d times, want the policy and its other keys", n)
	}
	if p.metric("portreeve_policy_held_by_record", "") != 1 || p.metric("portreeve_groups", "held") != 2 || p.metric("portreeve_groups", "served") != 0 {
		t.Error("the metrics do not say that policy is held back")
	}

	// It is tried again after 1 s, 2 s and so on to 30 s, and not before.
	want := []int{1, 2, 4, 8, 16, 30, 30}
	for i, seconds := range want {
		if got := p.Again().After; got != time.Duration(seconds)*time.Second {
			t.Fatalf("try %d: again after %v, want %d s", i, got, seconds)
		}
		p.clock.pass(time.Duration(seconds)*time.Second - 2*time.Second)
		p.read()
		if n := len(p.record.tried); n != i+2 {
			t.Fatalf("tried %d times before it was time, want %d", n, i+2)
		}
		p.read()
	}
	if n := strings.Count(p.log.String(), "policy is held back"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}

	p.files.files["a.yaml"] = policy("a", "/edit-3")
	p.read()
	if held := p.Status().HeldByRecord; held.Generation.Seq != 3 || held.Attempts != 1 {
		t.Errorf("held %+v, want the edit", held)
	}
	p.record.fails = nil
	p.clock.pass(30 * time.Second)
	p.read()
	status = p.Status()
	if status.HeldByRecord != nil || status.Latest.Seq != 3 || status.Groups[0].Serving.Seq != 3 || p.Again().After != 0 || p.metric("portreeve_policy_held_by_record", "") != 0 {
		t.Errorf("the record works again, and status is %+v", status)
	}
	last := p.record.reads[len(p.record.reads)-1]
	if last.Attempt != 2 || last.Changes.Changed.Total != 1 || !p.record.edits["/edit-3"] || p.record.edits["/edit-2"] {
		t.Errorf("told %+v", last)
	}
	p.replayed()
}

// TestAnEditThatIsTakenBackIsNotHeldBack holds.
func TestAnEditThatIsTakenBackIsNotHeldBack(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/a")})
	p.read()
	p.record.fails = errRecord
	p.files.files["a.yaml"] = policy("a", "/edit-2")
	p.read()
	p.files.files["a.yaml"] = policy("a", "/a")
	p.read()
	if s := p.Status(); s.HeldByRecord != nil || p.Again().After != 0 || len(p.record.tried) != 2 || p.metric("portreeve_policy_held_by_record", "") != 0 {
		t.Errorf("held %+v, tried %d times", s.HeldByRecord, len(p.record.tried))
	}
}

// TestMappingsThatAreHeldBackAreNotInForce holds: nobody gets rights of what is not on record.
func TestMappingsThatAreHeldBackAreNotInForce(t *testing.T) {
	p := newPlane(t, map[string]string{"i.yaml": identity("a", 1)})
	p.read()
	p.record.fails = errRecord
	p.files.files["i.yaml"] = identity("a", 2)
	p.read()
	p.access.want(t, "while it is held back", "[1]")
	p.record.fails = nil
	p.clock.pass(time.Minute)
	p.read()
	p.access.want(t, "once it is on record", "[1]", "[2]")
}

// TestAStartWithoutARecordServesTheLastGood holds: what the state directory has and nothing new, and that the state
// does not get what was not recorded. Without anything there nobody is served.
func TestAStartWithoutARecordServesTheLastGood(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/edit-1")})
	p.record.fails = errRecord
	p.read()
	p.Join(gatewayOf("one"))
	if s := p.Status(); s.Ready || s.HeldByRecord == nil || len(s.Groups) != 1 || s.Groups[0].Serving != nil || len(p.publisher.of(gatewayOf("one"))) > 0 {
		t.Errorf("without anything that was good: %+v", s)
	}
	p.replayed()

	p.state = openState(t, t.TempDir())
	p.begin()
	p.read()
	p.Join(gatewayOf("one"))
	good := p.Status().Latest.Hash
	p.Close()

	p.files.files["a.yaml"] = policy("a", "/edit-2")
	for range 2 { // the second start finds what the first one left
		p.begin()
		p.record.fails = errRecord
		p.read()
		p.Join(gatewayOf("one"))
		p.Join(gatewayOf("two"))
		s := p.Status()
		if !s.Ready || s.Latest != nil || len(s.Groups) != 2 {
			t.Fatalf("status %+v", s)
		}
		for _, g := range s.Groups {
			if g.Serving == nil || g.Serving.Hash != good {
				t.Errorf("%s is served %+v, want %s", g.Key(), g.Serving, good)
			}
		}
		p.replayed()
		p.Close()
	}
}

// TestTheAgeOfARefusalCountsFromTheFirst holds over one refused edit after another.
func TestTheAgeOfARefusalCountsFromTheFirst(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/a")})
	p.read()
	p.Join(gatewayOf("one"))
	for i, c := range []struct {
		content string
		want    float64
	}{{"kind: [", 0}, {"kind: [ ", 60}, {policy("a", "/b"), 0}, {"kind: [", 0}} {
		p.clock.pass(59 * time.Second)
		p.files.files["a.yaml"] = c.content
		p.read()
		if got := p.metric("portreeve_refused_generation_age_seconds", ""); got != c.want {
			t.Errorf("edit %d: %v, want %v", i, got, c.want)
		}
	}
}

// TestTheRecordTellsWhatIsServed makes edits, joins, leaves, changes of keys and restarts by chance, and holds after
// each that replaying the record gives the status, that each generation is told once, in order, and that nothing was
// published that is not on record, whenever the record fails; and that the newest is served once it works again.
func TestTheRecordTellsWhatIsServed(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			c := &chance{plane: newPlane(t, nil), random: rand.New(rand.NewPCG(seed, 1)), joined: map[string]bool{}}
			if seed%2 == 0 {
				c.state = openState(t, t.TempDir())
				c.begin()
			}
			c.read()
			for range 120 {
				c.step()
				c.replayed()
			}
			c.record.fails = nil
			c.clock.pass(time.Minute)
			c.files.files["a.yaml"] = policy("a", "/edit-100000")
			c.read()
			if s := c.Status(); s.HeldByRecord != nil || !c.record.edits["/edit-100000"] {
				t.Errorf("the record works again, and held is %+v", s.HeldByRecord)
			}
		})
	}
}

// chance does things by chance.
type chance struct {
	*plane
	random *rand.Rand
	joined map[string]bool
	edits  int
}

func (c *chance) step() {
	app := []string{"one", "two", "three"}[c.random.IntN(3)]
	switch c.random.IntN(10) {
	case 0, 1, 2:
		c.edit()
	case 3, 4:
		if !c.joined[app] {
			c.joined[app] = true
			c.Join(gatewayOf(app))
		}
	case 5:
		if c.joined[app] {
			delete(c.joined, app)
			c.Leave(gatewayOf(app))
		}
	case 6:
		c.keys([]string{keysA, keysB}[c.random.IntN(2)], strconv.Itoa(c.random.IntN(4)))
		must(c.t, c.RotateKeys(c.t.Context()))
	case 7:
		if c.record.fails = nil; c.random.IntN(2) == 0 {
			c.record.fails = errRecord
		}
	case 8:
		c.read()
	case 9:
		c.restart()
	}
}

// edit writes something good, something that is refused for some or for all, or something that waits for keys.
func (c *chance) edit() {
	c.edits++
	edit := fmt.Sprintf("/edit-%d", c.edits)
	switch name := []string{"a.yaml", "b.yaml", "t.yaml"}[c.random.IntN(3)]; c.random.IntN(6) {
	case 0:
		c.files.files[name] = "kind: ["
	case 1:
		c.files.files[name] = strings.Replace(policy("broken", edit), "{action: DENY,", "{selector: {matchLabels: {app: two}}, action: DENNY,", 1)
	case 2:
		c.ring.await(keysB)
		c.files.files["t.yaml"] = trusting([]string{keysA, keysB}[c.random.IntN(2)], "one")
	case 3:
		delete(c.files.files, name)
	default:
		c.files.files["a.yaml"] = policy("a", edit)
	}
	c.read()
}

// restart begins another process, where what was served is kept.
func (c *chance) restart() {
	if c.state == nil {
		return
	}
	c.Close()
	fails := c.record.fails
	c.begin()
	c.record.fails = fails
	c.read()
	gone := c.joined
	c.joined = map[string]bool{}
	for _, app := range slices.Sorted(maps.Keys(gone)) {
		c.joined[app] = true
		c.Join(gatewayOf(app))
	}
}
