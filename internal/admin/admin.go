// Package admin serves what an operator wants to know: /metrics, /healthz, /readyz, /debug/status (the status verb),
// /debug/config and /debug/pprof. It changes nothing. Who may have which page stands in the list of pages.
package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/pace"
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

// Alerts is what Status says of the AuditAlerts that are in force.
type Alerts = reload.AlertStatus

// State is what Status says of the state directory.
type State = state.Status

// Options are what the interface is made of.
type Options struct {
	Policy   Policy
	Gateways Gateways
	Keys     Keys
	Metrics  prometheus.Gatherer
	// Registerer gets the count of refusals.
	Registerer prometheus.Registerer
	// Hosts are the names by which it may be called on loopback.
	Hosts Hosts
	// Guard says who calls over TLS. Nil is plain text: on loopback everything is answered, elsewhere only what is open.
	Guard Guard
	// MetricsOpen has /metrics answer everybody.
	MetricsOpen bool
	// Refused is told of refusals, at a bounded rate. It must not wait. Nil is told nothing.
	Refused func(Refusal)
	Now     func() time.Time
}

// Guard says who makes a request that came over TLS, or why that does not count.
type Guard interface {
	Identify(r *http.Request) (role.Caller, *role.Refusal)
}

// handler decides who is answered.
type handler struct {
	options Options
	refused *prometheus.CounterVec
	told    *pace.Limit
}

// Handler returns the admin interface. Each page says who may have it; what is not in the list of pages is not there.
func Handler(o Options) http.Handler {
	h := newHandler(o)
	mux := http.NewServeMux()
	for _, p := range h.pages() {
		mux.HandleFunc("GET "+p.path, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, p) })
	}
	return mux
}

func newHandler(o Options) *handler {
	h := &handler{options: o, refused: newRefused(), told: pace.New(maxTold, maxOneOff, o.Now)}
	o.Registerer.MustRegister(h.refused)
	return h
}

// serve answers a page to who may have it, and looks at credentials where they count.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, p page) {
	if p.needs == anybody || p.needs == scrapers && h.scrapes(r) {
		p.serve(w, r, role.Caller{})
		return
	}
	caller, refusal := h.caller(r)
	if refusal == nil && !may(caller.Role, p.needs) {
		refusal = &role.Refusal{Reason: lacksRole, Status: http.StatusForbidden, Message: "your role may not have this page"}
	}
	if p.needs == open {
		if refusal != nil && blamed(refusal.Reason) {
			h.count(r, p.path, caller.Name, refusal.Reason)
		}
		p.serve(w, r, caller)
		return
	}
	if refusal != nil {
		h.count(r, p.path, caller.Name, refusal.Reason)
		refuse(w, refusal)
		return
	}
	p.serve(w, r, caller)
}

// scrapes reports whether a request for metrics needs no role.
func (h *handler) scrapes(r *http.Request) bool {
	return h.options.MetricsOpen || r.TLS == nil && h.options.Guard == nil && loopback(r)
}

// blamed reports whether a refusal is of credentials that were shown. To show none at an open page is nothing to refuse.
func blamed(reason role.Reason) bool {
	return reason != role.NoCredentials && reason != plainText && reason != strangeHost
}

// may reports whether a role is enough. What is not known is not.
func may(r role.Role, n needs) bool {
	switch n {
	case anybody, open:
		return true
	case scrapers, viewers:
		return r >= role.Viewer
	case operators:
		return r >= role.Operator
	default:
		return false
	}
}

// caller says who makes a request. It fails closed: plain text that may have come from another machine is nobody's.
func (h *handler) caller(r *http.Request) (role.Caller, *role.Refusal) {
	switch {
	case r.TLS != nil && h.options.Guard != nil:
		return h.options.Guard.Identify(r)
	case r.TLS == nil && h.options.Guard == nil && loopback(r):
		if refusal := h.options.Hosts.refuse(r); refusal != nil {
			return role.Caller{}, refusal
		}
		return role.Caller{Role: role.Operator, Name: "loopback"}, nil
	default:
		return role.Caller{}, &role.Refusal{Reason: plainText, Status: http.StatusForbidden, Message: "in plain text, other machines are answered /healthz and /readyz alone: " +
			"ask on loopback, or start serve with --admin-tls-cert, --admin-tls-key and --admin-roles (portreeve admin-token makes tokens); --metrics-open opens /metrics to everybody"}
	}
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
