// Package admin serves what an operator wants to know: /metrics, /healthz, /readyz,
// /debug/status (the status verb) and /debug/config. It changes nothing.
package admin

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
)

// Policy is what admin asks about policy.
type Policy interface {
	Status() reload.Status
	Serving(group string) (served, told envoy.Resources, ok bool)
}

// Gateways is what admin asks about the connected gateways.
type Gateways interface {
	Gateways() []ack.Gateway
}

// Keys is what admin asks about fetched keys.
type Keys interface {
	Status() []jwks.SourceStatus
}

// Status is the answer of /debug/status.
type Status struct {
	reload.Status
	Gateways []ack.Gateway       `json:"gateways"`
	Keys     []jwks.SourceStatus `json:"keys"`
}

// Certificate is what Status says of one certificate.
type Certificate = reload.CertificateStatus

// Group is what Status says of a group of gateways.
type Group = reload.GroupStatus

// Identities is what Status says of the mappings of identities.
type Identities = reload.IdentityStatus

// State is what Status says of the state directory.
type State = state.Status

// Handler returns the admin interface. What shows policy answers only those who call it by a
// name of its own; to others /readyz says whether, and not what is wrong. Probes and scrapers
// call by all kinds of names, so /healthz and /metrics, which show none of it, do not ask.
func Handler(policy Policy, gateways Gateways, keys Keys, metrics prometheus.Gatherer, hosts Hosts) http.Handler {
	mux, debug := http.NewServeMux(), make(turns, maxAnswers)
	shows := func(page http.HandlerFunc) http.HandlerFunc { return hosts.guard(debug.take(page)) }
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status := policy.Status()
		if !hosts.known(r) {
			status = reload.Status{Ready: status.Ready, Latest: status.Latest}
		}
		ready(w, status)
	})
	mux.HandleFunc("GET /debug/status", shows(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, Status{Status: policy.Status(), Gateways: gateways.Gateways(), Keys: keys.Status()})
	}))
	mux.HandleFunc("GET /debug/config", shows(func(w http.ResponseWriter, _ *http.Request) { answer(w, configs(policy)) }))
	return mux
}

// ready answers 200 once there is a policy that is good for every gateway and waits for no
// keys; a later edit that is refused, or waits, does not take the control plane out of
// service, but a file that cannot be read does. The body says why not, or what is refused at present.
func ready(w http.ResponseWriter, s reload.Status) {
	switch {
	case s.Ready:
		fmt.Fprintln(w, "ready")
	case s.Latest == nil && s.HeldByRecord == nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready: the files are being read for the first time")
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready: there is no policy yet that is good for every gateway, or a file keeps what it held because it cannot be read (PR0110)")
	}
	if held := s.HeldByRecord; held != nil {
		fmt.Fprintf(w, "generation %d (%s) is served to nobody: the record does not take it: %s\n", held.Generation.Seq, held.Generation.Hash, held.Reason)
	}
	for _, source := range s.Waiting {
		fmt.Fprintln(w, "the latest policy waits for the keys of", source)
	}
	for _, f := range s.Diagnostics.Errors() {
		fmt.Fprintln(w, f)
	}
	for _, line := range s.RefusedAlone() {
		fmt.Fprintln(w, line)
	}
}

// groupConfig is what one group of gateways is served, and where that is written.
type groupConfig struct {
	reload.GroupStatus
	Config *output.Resources `json:"config"`
	// RuleByRule are the extension configs of the same policy, each rule for itself, to which the trace leads.
	RuleByRule []json.Marshaler `json:"ruleByRule,omitempty"`
	Trace      envoy.Trace      `json:"trace,omitempty"`
}

func configs(policy Policy) []groupConfig {
	out := []groupConfig{}
	for _, g := range policy.Status().Groups {
		c := groupConfig{GroupStatus: g}
		if served, told, ok := policy.Serving(g.Key()); ok {
			printable := output.ResourcesOf(served)
			c.Config, c.RuleByRule, c.Trace = &printable, output.ResourcesOf(told).ExtensionConfigs, told.Trace
		}
		out = append(out, c)
	}
	return out
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := output.JSON(w, value); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
