package main

import (
	"maps"
	"testing"

	"github.com/spf13/cobra"
)

// TestLabelsOfAGateway holds that a gateway can be named that has no labels, as the one that a certificate
// alone allows.
func TestLabelsOfAGateway(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want map[string]string
	}{
		"standard": {nil, map[string]string{"istio": "ingressgateway"}},
		"others":   {[]string{"--labels", "a=b,c=d", "--labels=e=f"}, map[string]string{"a": "b", "c": "d", "e": "f"}},
		"none":     {[]string{"--labels", ""}, map[string]string{}},
	} {
		var got map[string]string
		verb := &cobra.Command{}
		registerLabels(verb, &got)
		if err := verb.ParseFlags(c.args); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}
