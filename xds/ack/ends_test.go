package ack_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/ack"
)

// TestTheFirstCertificateThatEnds holds that the metric is of the gateway whose certificate ends first of those that
// are connected, and that it says nothing where none has one.
func TestTheFirstCertificateThatEnds(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := newStore(t, ack.Options{Registerer: reg})
	open := func(node string, ends time.Time) *ack.Stream {
		p := delta(node)
		p.CertificateEnds = ends
		return s.Open(p)
	}
	left := func() (float64, bool) {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "portreeve_xds_gateway_certificate_expiry_seconds" {
				return f.GetMetric()[0].GetGauge().GetValue(), true
			}
		}
		return 0, false
	}
	moment := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // about which the clock of the store goes
	open("without", time.Time{})
	if _, is := left(); is {
		t.Error("it is there although no gateway has a certificate")
	}
	open("late", moment.Add(48*time.Hour))
	soon := open("soon", moment.Add(time.Hour))
	if got, _ := left(); got < 3500 || got > 3600 {
		t.Errorf("%v seconds are left, want about an hour", got)
	}
	soon.Close()
	if got, _ := left(); got < 47*3600 {
		t.Errorf("%v seconds are left, want those of the gateway that is still there", got)
	}
}
