package test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTheLogTellsOfCertificatesThatEnd holds that status and metrics count the days of each
// certificate, and that the log speaks at once of one that has thirty at most, and of no other.
func TestTheLogTellsOfCertificatesThatEnd(t *testing.T) {
	a := newAuthority(t)
	lasting := func(days int, name string) tls.Certificate {
		return a.make(t, &x509.Certificate{DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + 12*time.Hour)})
	}
	secrets := secretOf(t, "soon", lasting(20, "soon.test")) + "---\n" + secretOf(t, "later", lasting(40, "later.test"))
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "soon", "HTTPS", "soon.test", "mode: SIMPLE, credentialName: soon"),
			server(port, "later", "HTTPS", "later.test", "mode: SIMPLE, credentialName: later"),
		}
	})
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &errs); code != exitClean {
		t.Errorf("status: exit %d", code)
	}
	_, metrics := s.get("/metrics")
	for name, days := range map[string]int{"soon": 20, "later": 40} {
		if want := fmt.Sprintf("certificate istio-system/%s (%s.test): %d days left, valid until ", name, name, days); !strings.Contains(out.String(), want) {
			t.Errorf("status lacks %q:\n%s", want, out.String())
		}
		metric := regexp.MustCompile(`portreeve_certificate_expiry_seconds\{kind="server",name="` + name + `",namespace="istio-system"\} (\S+)`).FindStringSubmatch(metrics)
		if metric == nil {
			t.Errorf("no metric of %s: %s", name, metrics)
		} else if seconds, err := strconv.ParseFloat(metric[1], 64); err != nil || int(seconds/86400) != days {
			t.Errorf("the metric of %s says %s, want %d days and some hours", name, metric[1], days)
		}
	}
	eventually(t, "the log speaks of it", func() bool {
		return strings.Contains(s.log.String(), `msg="a certificate ends soon or has ended" namespace=istio-system name=soon hosts=[soon.test] days=20`)
	})
	if strings.Count(s.log.String(), "a certificate ends soon") != 1 {
		t.Errorf("the log speaks of another one, or twice:\n%s", s.log.String())
	}
}
