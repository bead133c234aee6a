package main

import (
	"encoding/json"
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
	// RuleByRule is not there where a control plane before it is asked: then what is served has to tell its reasons.
	RuleByRule []json.RawMessage `json:"ruleByRule"`
	Trace      envoy.Trace       `json:"trace"`
}

// forms returns what the group is served, and the same rule by rule.
func (g *servedGroup) forms() (forms, error) {
	served, err := g.Config.Resources()
	if err != nil {
		return forms{}, err
	}
	served.Trace = g.Trace
	out := forms{served: served, told: served}
	if len(g.RuleByRule) == 0 {
		return out, nil
	}
	told, err := output.Printed{ExtensionConfigs: g.RuleByRule}.Resources()
	out.told.ExtensionConfigs = told.ExtensionConfigs
	return out, err
}

// fetchServed asks a control plane what a gateway is served by it, without its secrets.
func fetchServed(c *cobra.Command, plane *adminClient, g model.Gateway) (forms, error) {
	var groups []servedGroup
	if err := plane.ask(c.Context(), "/debug/config", 30*time.Second, &groups); err != nil {
		return forms{}, err
	}
	known := ""
	for _, group := range groups {
		known += fmt.Sprintf("\n  --namespace %s --labels %s", group.Namespace, shellWord(labelsText(group.Labels)))
		if group.Namespace != g.Namespace || labelsText(group.Labels) != labelsText(g.Labels) {
			continue
		}
		if group.Config == nil {
			return forms{}, fmt.Errorf("the gateways of namespace %s with labels %q are served nothing yet: portreeve status says why", g.Namespace, labelsText(g.Labels))
		}
		return group.forms()
	}
	if known == "" {
		return forms{}, fmt.Errorf("no gateway is connected to the control plane at %s, which then has none to tell about: name the policy files instead", plane.address)
	}
	return forms{}, fmt.Errorf("no gateway of namespace %s with labels %q is connected; connected are:%s", g.Namespace, labelsText(g.Labels), known)
}
