package role

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics tell of the files, and of the issuer.
type metrics struct {
	// files counts readings that could not be taken, and issuer fetches that failed.
	files, issuer prometheus.Counter
	// until is when the certificate that is shown ends, in seconds since 1970.
	until *atomic.Int64
}

func newMetrics(r prometheus.Registerer, now func() time.Time) metrics {
	m := metrics{
		files: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portreeve_admin_reload_failures_total",
			Help: "How often the files of TLS and of roles for the admin interface were read and could not be taken. It grows for as long as they cannot.",
		}),
		issuer: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portreeve_admin_issuer_failures_total",
			Help: "How often the keys of the issuer of tokens for the admin interface could not be fetched.",
		}),
		until: new(atomic.Int64),
	}
	r.MustRegister(m.files, m.issuer, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portreeve_admin_certificate_expiry_seconds",
		Help: "How long the certificate of the admin interface is still good; negative once expired.",
	}, func() float64 { return time.Unix(m.until.Load(), 0).Sub(now()).Seconds() }))
	return m
}
