package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/admin"
)

// TestStatusSaysWhatIsNotOnDisk holds that an operator sees it, and nothing where all is well.
func TestStatusSaysWhatIsNotOnDisk(t *testing.T) {
	for want, s := range map[string]*admin.State{
		"": {Directory: "/s"},
		"state /s: not on disk since 2026-11-20T10:00:00Z: no space left on device\n": {Directory: "/s", UnwrittenSince: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Error: "no space left on device"},
		"state /s: no room for 3 generations\n":                                       {Directory: "/s", LeftOut: 3},
	} {
		var out bytes.Buffer
		printState(&out, s)
		if out.String() != want {
			t.Errorf("%q, want %q", &out, want)
		}
	}
}
