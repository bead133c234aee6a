package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
)

// servedGroup is what an admin interface says of one group of gateways.
type servedGroup struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	Config    *output.Printed   `json:"config"`
	Trace     envoy.Trace       `json:"trace"`
}

// fetchServed asks a control plane what a gateway is served by it, without its secrets.
func fetchServed(c *cobra.Command, address string, g model.Gateway) (envoy.Resources, error) {
	var groups []servedGroup
	plane := adminClient{address, 30 * time.Second}
	if err := plane.ask(c.Context(), "/debug/config", &groups); err != nil {
		return envoy.Resources{}, err
	}
	known := ""
	for _, group := range groups {
		known += fmt.Sprintf("\n  --namespace %s --labels %s", group.Namespace, shellWord(labelsText(group.Labels)))
		if group.Namespace != g.Namespace || labelsText(group.Labels) != labelsText(g.Labels) {
			continue
		}
		if group.Config == nil {
			return envoy.Resources{}, fmt.Errorf("the gateways of namespace %s with labels %q are served nothing yet: portreeve status says why", g.Namespace, labelsText(g.Labels))
		}
		out, err := group.Config.Resources()
		out.Trace = group.Trace
		return out, err
	}
	if known == "" {
		return envoy.Resources{}, fmt.Errorf("no gateway is connected to the control plane at %s, which then has none to tell about: name the policy files instead", address)
	}
	return envoy.Resources{}, fmt.Errorf("no gateway of namespace %s with labels %q is connected; connected are:%s", g.Namespace, labelsText(g.Labels), known)
}
