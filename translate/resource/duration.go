package resource

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portreeve/portreeve/translate/diag"
)

// maxDuration keeps durations in what Envoy and the kernel can count.
const maxDuration = 24 * time.Hour * 365

// longest bounds the durations that have no bound in Istio.
const longest = 24 * time.Hour

// duration checks a time that Envoy is told.
func (c valueChecker) duration(path Path, t *durationpb.Duration) {
	if t == nil {
		return
	}
	if d := t.AsDuration(); d < time.Millisecond || d%time.Millisecond != 0 || !t.IsValid() {
		hint := "for example 5s"
		if d == 0 && path[len(path)-1] == "timeout" {
			hint = "leave it out: without a timeout a route waits as long as it takes"
		}
		c.add(diag.CodeTimeout, path, "%s is %s, which is not a whole number of milliseconds of at least 1", path, d).WithHint("%s", hint)
	}
}

// timeoutBetween holds a duration to whole milliseconds from 1 to the longest.
func (c valueChecker) timeoutBetween(path Path, d *durationpb.Duration, most time.Duration) {
	if d == nil {
		return
	}
	if v := d.AsDuration(); !d.IsValid() || v < time.Millisecond || v%time.Millisecond != 0 || v > most {
		c.add(diag.CodeTimeout, path, "%s: %s is not a whole number of milliseconds from 1ms to %s", path, v, most).WithHint("for example 5s")
	}
}

// positive checks a duration that Envoy, and Istio, take from a least one on. Those of
// keepalive are whole seconds to the kernel.
func (c valueChecker) positive(path Path, d *durationpb.Duration, least time.Duration) {
	if d != nil && (!d.IsValid() || d.AsDuration() < least || d.AsDuration() > maxDuration) {
		c.add(diag.CodeDestinationRule, path, "%s is %s", path, d.AsDuration()).WithHint("%s to %s", least, maxDuration)
		return
	}
	c.wholeMilliseconds(path, d)
}

// notBelowZero checks a duration of which 0 switches the limit off.
func (c valueChecker) notBelowZero(path Path, d *durationpb.Duration) {
	if beyondBounds(d) {
		c.add(diag.CodeDestinationRule, path, "%s is %s", path, d.AsDuration()).WithHint("0s, which is no limit, to %s", maxDuration)
		return
	}
	c.wholeMilliseconds(path, d)
}

// fromZero checks a duration of which 0 is one as any other.
func (c valueChecker) fromZero(path Path, d *durationpb.Duration) {
	if beyondBounds(d) {
		c.add(diag.CodeDestinationRule, path, "%s is %s", path, d.AsDuration()).WithHint("0s to %s", maxDuration)
	}
}

// wholeMilliseconds refuses a duration that is more precise than Istio takes.
func (c valueChecker) wholeMilliseconds(path Path, d *durationpb.Duration) {
	if d.AsDuration()%time.Millisecond != 0 {
		c.add(diag.CodeDestinationRule, path, "%s is %s", path, d.AsDuration()).WithHint("a whole number of milliseconds")
	}
}

// beyondBounds reports a duration below zero, or above maxDuration; nil is neither.
func beyondBounds(d *durationpb.Duration) bool {
	return d != nil && (!d.IsValid() || d.AsDuration() < 0 || d.AsDuration() > maxDuration)
}
