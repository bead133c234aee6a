package transport

import "github.com/prometheus/client_golang/prometheus"

// FailuresOf returns what counts readings that could not be taken.
func FailuresOf(t *TLS) prometheus.Counter { return t.metrics.failures }
