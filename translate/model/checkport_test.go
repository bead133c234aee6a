package model

import "testing"

// TestHintsNameFewPorts holds that a hint names at most maxPortsNamed ports, and says how many more there are.
func TestHintsNameFewPorts(t *testing.T) {
	ports := map[uint32]bool{}
	for i, want := range []string{
		"the Gateways listen on 80",
		"the Gateways listen on 80, 81",
		"the Gateways listen on 80, 81, 82",
		"the Gateways listen on 80, 81, 82, 83",
		"the Gateways listen on 80, 81, 82, 83, 84",
		"the Gateways listen on 80, 81, 82, 83, 84 and 1 more",
		"the Gateways listen on 80, 81, 82, 83, 84 and 2 more",
	} {
		ports[uint32(80+i)] = true
		if got := listening(ports); got != want {
			t.Errorf("of %d ports the hint is %q, want %q", i+1, got, want)
		}
	}
}
