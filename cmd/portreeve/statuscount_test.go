package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/xds/ack"
)

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
