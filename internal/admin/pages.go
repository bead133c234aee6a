package admin

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/internal/reload"
)

// needs says who may have a page. The zero value is nobody, so that a page without it is closed.
type needs int

const (
	_ needs = iota
	// anybody is answered, and not asked for credentials.
	anybody
	// open pages answer everybody too, and say less to those who may not see more.
	open
	// scrapers are viewers, everybody on loopback by whatever name, and everybody with --metrics-open.
	scrapers
	viewers
	operators
)

// page is one of the interface.
type page struct {
	path  string
	needs needs
	// serve answers a caller who may have it; of one that is open whoever calls.
	serve func(w http.ResponseWriter, r *http.Request, by role.Caller)
}

// pages lists every page there is.
func (h *handler) pages() []page {
	debug, profile := make(turns, maxAnswers), make(turns, 1)
	shows := func(serve http.HandlerFunc) func(http.ResponseWriter, *http.Request, role.Caller) {
		serve = debug.take(serve)
		return func(w http.ResponseWriter, r *http.Request, _ role.Caller) { serve(w, r) }
	}
	looks := func(serve http.HandlerFunc) func(http.ResponseWriter, *http.Request, role.Caller) {
		serve = bounded(profile.take(serve))
		return func(w http.ResponseWriter, r *http.Request, _ role.Caller) { serve(w, r) }
	}
	metrics := promhttp.HandlerFor(h.options.Metrics, promhttp.HandlerOpts{})
	return []page{
		{"/healthz", anybody, func(w http.ResponseWriter, _ *http.Request, _ role.Caller) { fmt.Fprintln(w, "ok") }},
		{"/readyz", open, h.ready},
		{"/metrics", scrapers, func(w http.ResponseWriter, r *http.Request, _ role.Caller) { metrics.ServeHTTP(w, r) }},
		{"/debug/status", viewers, shows(h.status)},
		{"/debug/config", viewers, shows(func(w http.ResponseWriter, _ *http.Request) { answer(w, configs(h.options.Policy)) })},
		{"/debug/pprof/", operators, looks(pprof.Index)},
		{"/debug/pprof/cmdline", operators, looks(pprof.Cmdline)},
		{"/debug/pprof/profile", operators, looks(pprof.Profile)},
		{"/debug/pprof/symbol", operators, looks(pprof.Symbol)},
		{"/debug/pprof/trace", operators, looks(pprof.Trace)},
	}
}

// ready tells who may not see more whether, and not what is wrong.
func (h *handler) ready(w http.ResponseWriter, _ *http.Request, by role.Caller) {
	status := h.options.Policy.Status()
	if by.Role < role.Viewer {
		status = reload.Status{Ready: status.Ready, Latest: status.Latest}
	}
	ready(w, status)
}

func (h *handler) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, Status{Status: h.options.Policy.Status(), Gateways: h.options.Gateways.Gateways(), Keys: h.options.Keys.Status()})
}
