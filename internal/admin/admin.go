// Package admin serves what an operator wants to know: /metrics, /healthz, /readyz,
// /debug/status (the status verb) and /debug/config. It changes nothing.
package admin

import (
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
	Serving(group string) (envoy.Resources, bool)
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

// State is what Status says of the state directory.
type State = state.Status

// Handler returns the admin interface.
func Handler(policy Policy, gateways Gateways, keys Keys, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, policy.Status()) })
	mux.HandleFunc("GET /debug/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, Status{Status: policy.Status(), Gateways: gateways.Gateways(), Keys: keys.Status()})
	})
	mux.HandleFunc("GET /debug/config", func(w http.ResponseWriter, _ *http.Request) { answer(w, configs(policy)) })
	return mux
}

// ready answers 200 once there is a policy that is good for every gateway and waits for no
// keys; a later edit that is refused, or waits, does not take the control plane out of
// service. The body says why not, or what is refused at present.
func ready(w http.ResponseWriter, s reload.Status) {
	if !s.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready: no policy yet that is good for every gateway")
	} else {
		fmt.Fprintln(w, "ready")
	}
	for _, source := range s.Waiting {
		fmt.Fprintln(w, "the latest policy waits for the keys of", source)
	}
	for _, f := range s.Findings.Errors() {
		fmt.Fprintln(w, f)
	}
}

// groupConfig is what one group of gateways is served.
type groupConfig struct {
	reload.GroupStatus
	Config *output.Resources `json:"config"`
}

func configs(policy Policy) []groupConfig {
	out := []groupConfig{}
	for _, g := range policy.Status().Groups {
		c := groupConfig{GroupStatus: g}
		if resources, ok := policy.Serving(g.Key()); ok {
			printable := output.ResourcesOf(resources)
			c.Config = &printable
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
