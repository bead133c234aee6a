package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/transport"
)

var update = flag.Bool("update", false, "rewrite the list in docs/metrics.md")

// metricsPage is the page whose list is made of what a control plane registers.
const metricsPage = "../../docs/metrics.md"

// TestThePageOfMetricsIsWhatIsRegistered starts a control plane with every part that there is, and holds that the page lists exactly the
// metrics that it registers.
func TestThePageOfMetricsIsWhatIsRegistered(t *testing.T) {
	const begin, end = "<!-- list: go test ./internal/app -run ThePageOfMetrics -update -->\n", "<!-- end of the list -->\n"
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the page has no place for the list")
	}
	want := before + begin + metricsTable(t, describedMetrics(t)) + end + after
	if *update {
		if err := os.WriteFile(metricsPage, []byte(want), 0o644); err != nil { //nolint:gosec // a page that all may read
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("the page is not what is registered: run this test with -update. It would be\n%s", want)
	}
}

// described is a metric as it describes itself.
type described struct {
	name, help, kind string
	labels           []string
}

// describedMetrics are those of a control plane with every part, but those of Go and of the process.
func describedMetrics(t *testing.T) []described {
	t.Helper()
	a, err := New(everyPart(t))
	if err != nil {
		t.Fatal(err)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(now); err != nil {
		t.Fatal(err)
	}
	families, err := a.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	ch := make(chan *prometheus.Desc, 1000)
	a.registry.Describe(ch)
	close(ch)
	form := regexp.MustCompile(`fqName: "(portreeve_\w+)", help: "(.*)", unit: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}`)
	byName := map[string]described{}
	for desc := range ch {
		if m := form.FindStringSubmatch(desc.String()); m != nil {
			byName[m[1]] = described{m[1], strings.ReplaceAll(m[2], `\"`, "`"), kindOf(m[1], kinds), labelsOf(m[3] + "," + m[4])}
		}
	}
	var out []described
	for _, d := range byName {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b described) int { return strings.Compare(a.name, b.name) })
	return out
}

// kindOf is what a metric is that has a value, and else what its name says.
func kindOf(name string, kinds map[string]string) string {
	if kind, ok := kinds[name]; ok {
		return kind
	}
	if strings.HasSuffix(name, "_total") {
		return "counter"
	}
	return "gauge"
}

func labelsOf(text string) (out []string) {
	for _, label := range strings.Split(text, ",") {
		if name, _, _ := strings.Cut(label, "="); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// everyPart are options with which a control plane registers every metric that there is.
func everyPart(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate, key := selfSigned(t)
	crt, private := file("tls.crt", certificate), file("tls.key", key)
	o := Options{
		Dirs: []string{t.TempDir()}, StateDir: t.TempDir(), Settings: model.DefaultSettings(), Logger: slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)),
		XDS: XDS{
			Address: "127.0.0.1:0", MaxConnectionAge: time.Hour, TrustDomains: []string{DefaultTrustDomain},
			TLS: transport.Files{Certificate: crt, Key: private, Authorities: crt},
		},
		Admin: Admin{Address: "127.0.0.1:0", Files: role.Files{
			Certificate: crt, Key: private, Clients: crt, Roles: file("roles.yaml", "certificates:\n- {name: \"spiffe://example.com/ops\", role: viewer}\n"),
		}},
		Audit: Audit{
			File: filepath.Join(dir, "audit.log"), Spool: t.TempDir(),
			Sinks: file("sinks.yaml", "syslog:\n- {name: local, address: \"unixgram://"+filepath.Join(dir, "log")+"\"}\n"),
		},
	}
	return o
}

// selfSigned is a certificate that is its own authority, and its key, as PEM.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", bytes)
}

// metricsTable writes the metrics as the page has them, with the alert of the example that looks at each.
func metricsTable(t *testing.T, metrics []described) string {
	t.Helper()
	alerts := alertsOf(t)
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is | alert |\n|---|---|---|---|---|\n")
	for _, m := range metrics {
		var labels []string
		for _, l := range m.labels {
			if labelBounds()[l] == "" {
				t.Errorf("the label %s of %s has no bound", l, m.name)
			}
			labels = append(labels, "`"+l+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, strings.Join(labels, ", "), strings.ReplaceAll(m.help, "|", "\\|"), strings.Join(alerts(m.name), ", "))
	}
	b.WriteString("\n| label | how many values it has at most |\n|---|---|\n")
	for _, l := range slices.Sorted(func(yield func(string) bool) {
		for l := range labelBounds() {
			if !slices.ContainsFunc(metrics, func(m described) bool { return slices.Contains(m.labels, l) }) {
				t.Errorf("no metric has the label %s", l)
			}
			if !yield(l) {
				return
			}
		}
	}) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", l, labelBounds()[l])
	}
	return b.String()
}

// labelBounds say how many values each label may have.
func labelBounds() map[string]string {
	return map[string]string{
		"commit": "1", "version": "1", "goversion": "1",
		"file":      "3: what is in force of the files of TLS",
		"gateway":   "51: 50 nodes of gateways that refuse something, and `other`",
		"kind":      "the kinds of certificates, which are fixed",
		"name":      "certificates of the policy that gateways are served",
		"namespace": "namespaces of these",
		"origin":    "52: 50 places in the files, `other`, and empty where none is known",
		"protocol":  "2: `delta`, `sotw`",
		"reason":    "the reasons, which are fixed",
		"result":    "the results, which are fixed",
		"severity":  "2: `error`, `warning`",
		"sink":      "`file`, `spool`, `alerts`, `queue` and the names in `--audit-sinks`",
		"source":    "addresses of keys in the policy, without their query",
		"state":     "the states, which are fixed",
		"type":      "6 types of resources; of the record, the types of events, which are fixed",
	}
}

// alertsOf finds the alerts of the example by a metric that they ask for, each with a link to what to do.
func alertsOf(t *testing.T) func(metric string) []string {
	t.Helper()
	rules, err := os.ReadFile("../../examples/monitoring/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(rules), "- alert: ")
	return func(metric string) (out []string) {
		for _, alert := range strings.Split(text, "- alert: ") {
			name, _, _ := strings.Cut(alert, "\n")
			expression, _, _ := strings.Cut(alert, "\n    for:")
			if regexp.MustCompile(`\b`+metric+`\b`).MatchString(expression) || strings.Contains(expression, strings.Replace(metric, "_", ":", 1)+":") {
				out = append(out, "["+name+"](operations.md#"+strings.ToLower(name)+")")
			}
		}
		return out
	}
}
