package reload

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/translate/model"
)

// CertificateStatus is what an operator is shown of a certificate. Nothing in it is private.
type CertificateStatus struct {
	// Namespace is that of the Secret, or empty for a directory of files; Name is its name.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Authority says that clients are verified with it.
	Authority   bool      `json:"authority"`
	Subject     string    `json:"subject"`
	Hosts       []string  `json:"hosts,omitempty"`
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	// DaysLeft is how many whole days it is still good; it is negative once it has expired.
	DaysLeft int  `json:"daysLeft"`
	Expired  bool `json:"expired"`
	// Serving says that some gateway is served it, or would be.
	Serving bool   `json:"serving"`
	File    string `json:"file"`
}

const day = 24 * time.Hour

// inForce reports whether a certificate of a generation counts as one that is served: to a
// group of gateways that has the generation, or to anybody where the generation is good for
// everybody. One that a generation brings for gateways which it is refused for is not.
func (v *view) inForce(g *Generation, c model.Certificate) bool {
	if g.clean() {
		return true
	}
	for _, group := range v.groups {
		// By hash: a rotation of keys makes another value of a generation.
		if group.serving != nil && group.serving.Hash == g.Hash && g.Program.InScope(c.Scope, group.gateway) {
			return true
		}
	}
	return false
}

// servedCertificates returns the fingerprints of the certificates that gateways have been
// given.
func (v *view) servedCertificates() map[string]bool {
	out := map[string]bool{}
	for _, g := range v.kept {
		for _, c := range g.Program.Certificates() {
			if v.inForce(g, c) {
				out[c.Fingerprint] = true
			}
		}
	}
	return out
}

// certificates returns the certificates of the generations that count, each once, as they are
// at a moment.
func (v *view) certificates(now time.Time) []CertificateStatus {
	out := []CertificateStatus{}
	type identity struct {
		namespace, name, fingerprint string
		authority                    bool
	}
	seen := map[identity]int{}
	for _, g := range v.kept { // the newest first
		for _, c := range g.Program.Certificates() {
			serving := v.inForce(g, c)
			id := identity{c.Namespace, c.Name, c.Fingerprint, c.Authority}
			if i, again := seen[id]; again {
				out[i].Serving = out[i].Serving || serving
				continue
			}
			if !serving && g != v.latest {
				continue
			}
			seen[id] = len(out)
			out = append(out, certificateStatus(c, serving, now))
		}
	}
	return out
}

func certificateStatus(c model.Certificate, serving bool, now time.Time) CertificateStatus {
	left := c.NotAfter.Sub(now)
	days := int(left / day)
	if left < 0 {
		days--
	}
	return CertificateStatus{
		Namespace: c.Namespace, Name: c.Name, Authority: c.Authority, Subject: c.Subject, Hosts: c.Hosts, Fingerprint: c.Fingerprint,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, DaysLeft: days, Expired: left < 0, Serving: serving, File: c.Pos.File,
	}
}

// warnBefore are the days before its end from which on the log speaks of a certificate.
const warnBefore = 30

// Certificates tells how long the certificates are still good that gateways are served, in the log and
// as a metric. It is safe for concurrent use.
type Certificates struct {
	reloader *Reloader
	expiry   *prometheus.Desc

	mu sync.Mutex
	// warned is, by certificate, how many days it had left when the log last said so.
	warned map[string]int
}

var _ prometheus.Collector = (*Certificates)(nil)

// NewCertificates returns what tells of the certificates of a reloader.
func NewCertificates(r *Reloader) *Certificates {
	return &Certificates{reloader: r, expiry: prometheus.NewDesc("portreeve_certificate_expiry_seconds",
		"How long the certificate that is served from a Secret is still good; negative once it has expired.", []string{"namespace", "name", "kind"}, nil)}
}

// Warn logs, once a day each, the certificates that are served and soon end or have ended.
func (c *Certificates) Warn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	warned := map[string]int{}
	for _, s := range c.reloader.shown.Load().certificates(c.reloader.options.Now()) {
		if !s.Serving || s.DaysLeft > warnBefore {
			continue
		}
		key := s.Namespace + "/" + s.Name + "/" + s.Fingerprint
		if days, told := c.warned[key]; !told || days != s.DaysLeft {
			c.reloader.options.Logger.Warn("a certificate ends soon or has ended", "namespace", s.Namespace, "name", s.Name, "hosts", s.Hosts, "days", s.DaysLeft, "notAfter", s.NotAfter)
		}
		warned[key] = s.DaysLeft
	}
	c.warned = warned
}

// Describe implements prometheus.Collector.
func (c *Certificates) Describe(out chan<- *prometheus.Desc) { out <- c.expiry }

// Collect implements prometheus.Collector. Where several certificates share their labels,
// the one that ends first is shown.
func (c *Certificates) Collect(out chan<- prometheus.Metric) {
	now := c.reloader.options.Now()
	left := map[[3]string]float64{}
	for _, s := range c.reloader.shown.Load().certificates(now) {
		if !s.Serving {
			continue
		}
		labels, seconds := [3]string{s.Namespace, s.Name, "server"}, s.NotAfter.Sub(now).Seconds()
		if s.Authority {
			labels[2] = "authority"
		}
		if before, ok := left[labels]; !ok || seconds < before {
			left[labels] = seconds
		}
	}
	for labels, seconds := range left {
		out <- prometheus.MustNewConstMetric(c.expiry, prometheus.GaugeValue, seconds, labels[:]...)
	}
}
