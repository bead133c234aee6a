package optimize_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestEveryBlockOfAddressesIsFound asks about blocks that lie in each other, and at their edges.
func TestEveryBlockOfAddressesIsFound(t *testing.T) {
	documents := []string{}
	deny := func(name, field, block, path string) {
		documents = append(documents, authorization(name, "DENY", map[string]any{
			"from": []any{map[string]any{"source": map[string]any{field: []string{block}}}},
			"to":   []any{map[string]any{"operation": map[string]any{"paths": []string{path}}}},
		}))
	}
	// All are asked for one path of few, so that they are found by their address.
	blocks := []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.200/25", "2001:db8::/32", "2001:db8:1::5", "::ffff:10.9.0.0/112", "0.0.0.0/1", "64:ff9b::/96"}
	for i, block := range blocks {
		deny(fmt.Sprintf("remote-%d", i), "remoteIpBlocks", block, fmt.Sprintf("/%d*", i%4))
	}
	for i := range 300 { // more than stand behind one guard, in the way
		deny(fmt.Sprintf("other-%d", i), "remoteIpBlocks", fmt.Sprintf("172.16.%d.%d", i/250, i%250), "/4*")
	}
	deny("direct", "ipBlocks", "127.0.0.2/31", "/0*")
	deny("direct-too", "ipBlocks", "127.0.0.2", "/1*")
	filters := filtersOf(t, documents...)
	if n := left(optimize.Policy(policy.Policy{HTTP: filters}, always(), nil).HTTP, policy.DenyFilter); n != 0 {
		t.Fatalf("%d rules are not found by an index", n)
	}
	both := runBoth(t, filters)
	denied := 0
	for _, client := range []string{
		"10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0", "10.1.2.3", "10.1.2.2", "10.1.2.127", "10.1.2.128", "10.1.3.0", "127.255.255.255", "128.0.0.0", "255.255.255.255", "0.0.0.0",
		"2001:db8::", "2001:db9::", "2001:db8:1::5", "2001:db8:1::6", "::ffff:10.9.1.1", "::ffff:10.1.2.3", "10.9.1.1", "::", "::1", "64:ff9b::10.1.2.3", "fe80::1%1", "172.16.0.7", "172.16.1.49", "172.16.1.50", "none",
	} {
		for path := range 5 {
			for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
				rules, _ := both.ask(t, question{path: fmt.Sprintf("/%dx", path), from: from, headers: []string{"X-Forwarded-For: " + client}})
				if rules.status == http.StatusForbidden {
					denied++
				}
			}
		}
	}
	if denied < 50 {
		t.Errorf("%d denied say little", denied)
	}
}
