package admin

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/admin/role"
)

// The reasons of refusals beside those of credentials.
const (
	// lacksRole: the caller is known, and may not.
	lacksRole role.Reason = "role"
	// plainText: it came over a network without TLS, which can carry no credentials.
	plainText role.Reason = "plaintext"
	// strangeHost: the interface is called by a name that is not its own.
	strangeHost role.Reason = "host"
)

// Refusal is a request that was not answered, for the record. It holds nothing of what was shown.
type Refusal struct {
	// Address is the caller's, and Path the page; Name is who it is, where that is known.
	Address string      `json:"address"`
	Path    string      `json:"path"`
	Name    string      `json:"name,omitempty"`
	Reason  role.Reason `json:"reason"`
}

// The bounds of what Options.Refused is told a minute, of all callers and of one address. The metric counts all.
const (
	maxTold   = 60
	maxOneOff = 10
)

func newRefused() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portreeve_admin_refused_total",
		Help: "Requests to the admin interface that were refused, by reason: credentials, token, expired, certificate, attempts, busy, issuer, role, plaintext, host.",
	}, []string{"reason"})
}

// count counts a refusal, and tells of it within the bounds.
func (h *handler) count(r *http.Request, path, name string, reason role.Reason) {
	h.refused.WithLabelValues(string(reason)).Inc()
	if h.options.Refused == nil {
		return
	}
	address := remote(r).String()
	if _, ok := h.told.Take(address); ok {
		h.options.Refused(Refusal{Address: address, Path: path, Name: name, Reason: reason})
	}
}

// refuse answers who may not have a page.
func refuse(w http.ResponseWriter, refusal *role.Refusal) {
	switch refusal.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="portreeve admin"`
		if refusal.Reason != role.NoCredentials {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "60")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	http.Error(w, refusal.Message, refusal.Status)
}
