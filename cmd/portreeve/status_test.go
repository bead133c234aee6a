package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/xds/ack"
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

// TestStatusSaysWhatIsMapped holds that an operator sees which generation says what identities may be, that none does,
// and nothing where nothing is mapped.
func TestStatusSaysWhatIsMapped(t *testing.T) {
	of3 := &admin.Identities{Count: 2}
	of3.Generation.Seq, of3.Generation.Hash = 3, "ab"
	for want, i := range map[string]*admin.Identities{
		"": {},
		"identities: 2 GatewayIdentity objects, of generation 3 (ab)\n":                          of3,
		"identities: no mapping is known yet, so gateways that prove who they are are refused\n": nil,
	} {
		var out bytes.Buffer
		printIdentities(&out, i)
		if out.String() != want {
			t.Errorf("%q, want %q", &out, want)
		}
	}
}

// TestStatusCountsWhatIsNotListed holds that the verb says how many resources there are where the
// answer does not list them all, and nothing where it does.
func TestStatusCountsWhatIsNotListed(t *testing.T) {
	var out bytes.Buffer
	printGateway(&out, ack.Gateway{Types: []ack.Type{
		{Name: "CDS", Count: 5003, Resources: make([]ack.Resource, 100)}, {Name: "LDS", Count: 1, Resources: make([]ack.Resource, 1)},
	}})
	if strings.Count(out.String(), "5003 resources, of which /debug/status lists 100\n") != 1 || strings.Count(out.String(), "lists") != 1 {
		t.Errorf("it says %s", &out)
	}
}

// TestStatusSaysThatNothingWasSent holds that a gateway which came from another control plane with all that it needs reads so.
func TestStatusSaysThatNothingWasSent(t *testing.T) {
	var out bytes.Buffer
	printGateway(&out, ack.Gateway{Types: []ack.Type{{Name: "EDS", State: ack.Accepted, Accepted: "a91e"}}})
	if want := "sent nothing accepted a91e\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%q does not end with %q", &out, want)
	}
}
